"""Worker processes: they end when they should, and their errors are told as errors."""

import gc
import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest
import torch
from counting import CRASH, RAISE, SLEEP, Make, Saboteur, broken

from wmzoo.envs.simulated import SimulatedVectorEnv
from wmzoo.envs.simulator import SimulationError
from wmzoo.errors import RunFailed, WmzooError

TESTS = Path(__file__).parents[2]


def batch(count=4, make=None, **params):
    return SimulatedVectorEnv("counting", make or Make(cls=Saboteur), count, 5, backend="processes", **params)


def alive(pid):
    """A process that has ended, but was not waited for, is alive too: it is a leak."""
    return Path(f"/proc/{pid}").exists()


def gone(pids, seconds=5.0):
    end = time.monotonic() + seconds
    while any(map(alive, pids)) and time.monotonic() < end:
        time.sleep(0.02)
    return not any(map(alive, pids))


def children():
    """Processes that this one started and that still exist."""
    stats = [path.read_text().rpartition(")")[2].split() for path in Path("/proc").glob("[0-9]*/stat") if path.exists()]
    return sum(int(stat[1]) == os.getpid() for stat in stats)


@pytest.fixture
def env():
    env = batch()
    env.reset(0)
    yield env
    env.close()


def test_there_is_one_worker_per_core_and_none_without_an_environment(env):
    cores = len(os.sched_getaffinity(0))
    assert len(env.workers) == len(set(env.workers)) == min(4, cores)
    single = batch(1)
    assert len(single.workers) == 1
    single.close()


def test_closing_leaves_no_process_and_closing_again_does_nothing():
    before = children()
    env = batch()
    env.reset(0)
    assert children() == before + len(env.workers)
    env.close()
    assert children() == before
    env.close()
    with pytest.raises(WmzooError, match="the environments are closed"):
        env.step(torch.zeros(4, 1))


def test_an_environment_that_is_forgotten_leaves_no_process():
    env = batch()
    workers = env.workers
    del env
    gc.collect()
    assert not any(map(alive, workers))


def test_a_worker_that_is_killed_is_an_error_that_names_it_and_its_environments(env):
    actions = torch.zeros(4, 1)
    actions[-1] = CRASH
    with pytest.raises(RunFailed) as error:
        env.step(actions)
    count, last = len(env.workers), "3" if len(env.workers) >= 4 else "2 to 3" if len(env.workers) == 2 else ""
    assert f"environment worker {count} of {count} (environments {last}" in str(error.value)
    assert "was ended by SIGKILL (by hand, or because memory ran out)" in str(error.value)
    assert "\n" not in str(error.value)
    assert not any(map(alive, env.workers))


def test_an_error_of_a_simulator_comes_back_as_what_it_is_and_the_batch_goes_on(env):
    actions = torch.zeros(4, 1)
    actions[0] = RAISE
    with pytest.raises(SimulationError, match="became invalid") as error:
        env.step(actions)
    assert "counting.py" in str(error.value.__cause__)  # where in the worker it came from
    assert env.step(torch.zeros(4, 1)).obs.shape == (4, 2)


def test_an_error_that_cannot_be_sent_comes_back_in_words(env):
    with pytest.raises(RunFailed, match="Unsendable: asleep at 7"):
        env.step(torch.full((4, 1), SLEEP))


def test_a_suite_that_cannot_be_made_says_why_and_leaves_no_process():
    before = children()
    with pytest.raises(ValueError, match="counters here"):
        batch(make=broken)
    assert children() == before


def test_simulators_that_a_worker_cannot_make_are_refused_with_what_to_do(tmp_path, monkeypatch):
    before = children()
    with pytest.raises(WmzooError, match=r"cannot be sent to a worker process .*or set env\.backend=serial"):
        batch(make=lambda count: [Saboteur()] * count)
    plugin = types.ModuleType("a_plugin")  # as a file's, it is in no folder of sys.path
    exec("def make(count): pass", plugin.__dict__)
    monkeypatch.setitem(sys.modules, "a_plugin", plugin)
    with pytest.raises(WmzooError, match=r"\(No module named 'a_plugin'\).*or set env\.backend=serial"):
        batch(make=plugin.make)
    assert children() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_workers_outlive_the_signals_that_ask_a_run_to_save(env, number):
    for pid in env.workers:
        os.kill(pid, number)
    time.sleep(0.2)
    env.step(torch.zeros(4, 1))
    assert [state["counts"].tolist() for state in env.state_dict()["simulators"]] == [[1, 1]] * 4


SCRIPT = """
import sys, os
import torch
from counting import Make
from wmzoo.envs.simulated import SimulatedVectorEnv
env = SimulatedVectorEnv("counting", Make(), 4, 5, backend="processes")
env.reset(0)
print(*env.workers, flush=True)
{}
"""


def run_script(end, **options):
    """A process that starts workers and then does `end`: it, and its workers."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)])}
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(end)],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options,
    )  # fmt: skip
    workers = [int(pid) for pid in process.stdout.readline().split()]
    assert workers and all(map(alive, workers))
    return process, workers


@pytest.mark.slow
@pytest.mark.parametrize(
    "end", [*(pytest.param(end, marks=pytest.mark.slow) for end in ("", "raise ValueError")), "os._exit(1)"]
)
def test_the_end_of_the_process_is_the_end_of_its_workers(end):
    process, workers = run_script(end)
    process.wait()
    assert gone(workers)


@pytest.mark.slow
def test_workers_end_when_their_parent_is_killed():
    process, workers = run_script("input()", stdin=subprocess.PIPE)
    process.kill()
    process.wait()
    assert gone(workers)


@pytest.mark.slow
def test_ctrl_c_prints_nothing_from_the_workers():
    # A shell starts background jobs, of which this test may be one, with SIGINT ignored.
    loop = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\nprint(flush=True)\n"
    loop += "while True: env.step(torch.zeros(4, 1))"
    process, workers = run_script(loop, start_new_session=True)
    process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    try:
        _, errors = process.communicate(timeout=20)
    finally:
        process.kill()
    assert errors.count("Traceback") == errors.count("KeyboardInterrupt\n") == 1  # its own
    assert gone(workers)

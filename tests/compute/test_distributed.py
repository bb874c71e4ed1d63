"""Pretraining in two processes is pretraining in one, on the whole batch."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file

from wmzoo.cli.main import main
from wmzoo.compute.distributed import World
from wmzoo.data.collect import collect, uniform
from wmzoo.data.convert import convert
from wmzoo.envs.task_sets import find
from wmzoo.runs.metrics import read_metrics

TWO = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
ROWS = ("wm_loss", "dynamics_loss", "reward_loss", "wm_grad_norm", "latent_error_last", "reward_r2_last")
SHORT = ["size=tiny", "device=cpu", "threads=1", "trainer=pretrain", "trainer.horizon=4", "recipe.model_horizon=4"]
SHORT += ["trainer.batch_size=16", "trainer.model_updates=2", "eval.every=1", "save.every=1"]


THREADS_LEFT = """
import sys
from pathlib import Path
from wmzoo.cli.main import main
code = main(sys.argv[1:])
print("left:", sorted(task.read_text().strip() for task in Path("/proc/self/task").glob("*/comm")))
sys.exit(code)
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    collect([find("cartpole-swingup"), find("cup-catch")], [(2, uniform)], folder / "chunks", seed=0, facts={})
    convert([folder / "chunks"], folder / "set")
    return folder / "set"


def wmzoo(*words, processes=1, program=("-m", "wmzoo"), **options):
    launcher = [sys.executable, *(TWO if processes == 2 else ()), *program, *map(str, words)]
    return subprocess.Popen(
        launcher, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"}, **options,
    )  # fmt: skip


@pytest.mark.slow
def test_two_processes_learn_what_one_learns_from_the_whole_batch_and_leave_no_thread(data, tmp_path):
    """τ of the flow is drawn at random: every process draws it for the whole batch.

    A thread of the connection that is left when Python ends may abort a process whose run went well.
    """
    words = ["train", *SHORT, f"data.dir={data}", "dynamics=flow", "trainer.iterations=2"]
    assert main([*words, f"run_dir={tmp_path / '1'}"]) == 0
    (tmp_path / "train.py").write_text(THREADS_LEFT)
    process = wmzoo(*words, f"run_dir={tmp_path / '2'}", processes=2, program=[str(tmp_path / "train.py")])
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 0, out
    assert out.count("left:") == 2 and "gloo" not in out, out
    one, two = (read_metrics(tmp_path / name) for name in "12")
    for left, right in zip(one, two, strict=True):
        assert [right[name] for name in ROWS] == pytest.approx([left[name] for name in ROWS], rel=1e-5)
    weights = [load_file(tmp_path / name / "checkpoints/00000002/model.safetensors") for name in "12"]
    assert weights[0].keys() == weights[1].keys()
    for name, tensor in weights[0].items():  # Adam divides by gradients near zero; another batch would change 1e-3
        torch.testing.assert_close(weights[1][name], tensor, rtol=1e-5, atol=5e-6)


@pytest.mark.slow
def test_the_first_process_alone_writes_and_any_interruption_stops_all(data, tmp_path):
    folder = tmp_path / "run"
    process = wmzoo(
        "train", *SHORT, f"data.dir={data}", "trainer.iterations=100000", f"run_dir={folder}",
        processes=2, start_new_session=True,
    )  # fmt: skip
    while not (folder / "checkpoints").is_dir():
        assert process.poll() is None, process.communicate()
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    iterations = [row["iteration"] for row in read_metrics(folder)]
    assert iterations == list(range(1, len(iterations) + 1)), "two processes have written"
    assert json.loads((folder / "run.json").read_text())["status"] == "interrupted", out
    last = sorted((folder / "checkpoints").iterdir())[-1]
    assert int(last.name) == iterations[-1]


def test_a_trainer_that_runs_in_one_process_is_refused_with_the_one_that_can(tmp_path, monkeypatch, capsys):
    for name, value in {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)  # as torchrun does
    assert main(["train", "size=tiny", f"run_dir={tmp_path / 'run'}"]) == 2
    assert "trainer=online runs in one process; torchrun starts several of pretrain" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_batch_that_cannot_be_divided_evenly_is_refused():
    with pytest.raises(ValueError, match="a batch of 9 cannot be divided evenly over 2"):
        World(size=2).part(9)
    assert [World(rank, 2).part(8) for rank in (0, 1)] == [slice(0, 4), slice(4, 8)]

"""All backends replay the same actions to the same numbers, bit for bit; the oracle is `serial`.

(`serial` itself is held to dm_control's and Gymnasium's own environments in test_dmc.py and test_gymnasium.py.)
"""

import numpy as np
import pytest
import torch
from counting import Make

from wmzoo.config.rules import RULES
from wmzoo.envs.backend import BACKENDS
from wmzoo.envs.dmc import ARRAY_TASKS as DMC
from wmzoo.envs.dmc import DmcVectorEnv
from wmzoo.envs.gymnasium import ARRAY_TASKS as GYMNASIUM
from wmzoo.envs.gymnasium import GymnasiumVectorEnv
from wmzoo.envs.pools.base import cores
from wmzoo.envs.pools.rollout import RolloutPool
from wmzoo.envs.simulated import SimulatedVectorEnv
from wmzoo.envs.simulator import SimulationError
from wmzoo.errors import WmzooError

SUITES = {**dict.fromkeys(DMC, DmcVectorEnv), **dict.fromkeys(GYMNASIUM, GymnasiumVectorEnv)}
DEFINED = [(task, "arrays") for task in SUITES] + [(task, "rollout") for task in DMC if DMC[task].rollout_from]
# Drawn targets and actuators, contacts, terrain; ends of episodes; no MuJoCo.
ANY = ["reacher-hard", "point_mass-hard", "manipulator-insert_ball", "quadruped-escape", "Hopper-v5", "Pendulum-v1"]
FEW = ["Hopper-v5"]  # of them, for worker processes, which take seconds to begin
LONG = ["quadruped-escape"]  # whose terrain takes seconds to draw
SEED, BATCH = 3, 5


def make(task, backend, batch=BATCH, **params):
    suite = SUITES.get(task) or (GymnasiumVectorEnv if "-v" in task else DmcVectorEnv)
    return suite(task, batch, backend=backend, **params)


def actions(env, count, hold, seed=0):
    """Random ones, each held for some steps, so that joints reach their limits."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(-(-count // hold)):
        chosen = (3 * torch.rand(env.num_envs, env.act_dim, generator=generator) - 1.5).clip(-1, 1)
        yield from [chosen] * hold


def assert_same(env, oracle, count, hold=1):
    """Returns how many episodes ended."""
    ends = 0
    for step, chosen in enumerate(actions(env, count, hold)):
        got, expected = env.step(chosen), oracle.step(chosen)
        for name in ("obs", "reward", "terminated", "truncated", "final_obs"):
            assert torch.equal(getattr(got, name), getattr(expected, name)), (name, step)
        ends += int(got.done.sum())
    return ends


def assert_replays(task, backend, length, hold=1, **params):
    """Two episodes and a bit, then a saved state in either direction."""
    env, oracle = (make(task, name, episode_length=length, **params) for name in (backend, "serial"))
    length = env.episode_length
    assert torch.equal(env.reset(SEED), oracle.reset(SEED))
    assert assert_same(env, oracle, 2 * length + length // 3, hold) >= 2 * BATCH
    states = env.state_dict(), oracle.state_dict()
    env.reset(SEED + 1)
    env.load_state_dict(states[1])
    oracle.reset(SEED + 2)
    oracle.load_state_dict(states[0])
    assert assert_same(env, oracle, length, hold) >= BATCH
    env.close()
    oracle.close()


@pytest.mark.parametrize(
    ("task", "backend"),
    [pytest.param(*pair, marks=pytest.mark.slow if number % 3 else ()) for number, pair in enumerate(DEFINED)],
)
def test_a_defined_task_replays_to_the_same_numbers(task, backend):
    assert_replays(task, backend, length=20, hold=5)


@pytest.mark.slow
@pytest.mark.parametrize(("task", "backend"), DEFINED)
def test_a_whole_episode_of_a_defined_task_replays_to_the_same_numbers(task, backend):
    env, oracle = make(task, backend), make(task, "serial")
    assert torch.equal(env.reset(SEED), oracle.reset(SEED))
    assert assert_same(env, oracle, env.episode_length + 20, hold=20) >= BATCH


@pytest.mark.parametrize(
    ("task", "backend"),
    [
        pytest.param(
            *(task, backend),
            marks=pytest.mark.slow if task in LONG or (backend == "processes" and task not in FEW) else (),
        )
        for backend in ("threads", "processes")
        for task in ANY
    ],
)
def test_any_task_replays_to_the_same_numbers_in_threads_and_processes(task, backend):
    assert_replays(task, backend, length=12)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["Hopper-v5", "Ant-v5"])
def test_a_row_that_ends_within_an_action_repeat_stands_still_for_the_rest_of_it(task):
    assert_replays(task, "arrays", length=40, hold=5, action_repeat=3)


def test_options_of_an_environment_reach_its_definition():
    options = {"healthy_angle_range": [-0.05, 0.05], "ctrl_cost_weight": 0.5, "frame_skip": 2,
               "exclude_current_positions_from_observation": False}  # fmt: skip
    assert_replays("Walker2d-v5", "arrays", length=30, options=options)


def steps_until_it_blows_up(backend):
    env = make("pendulum-swingup", backend, batch=2)
    env.reset(SEED)
    state = env.state_dict()
    state["simulators"][1]["integration"][2] = 9.9e9  # the velocity; MuJoCo allows numbers up to 1e10
    env.load_state_dict(state)
    with pytest.raises(SimulationError, match="mjWARN_BADQPOS"):
        while True:
            env.step(torch.zeros(2, 1))
    return env.elapsed[0].item()


def test_a_simulation_that_blows_up_does_so_in_the_same_step_with_the_same_words():
    assert steps_until_it_blows_up("serial") == steps_until_it_blows_up("arrays") == steps_until_it_blows_up("rollout")


@pytest.mark.parametrize(
    "backend", ["arrays", *(pytest.param(each, marks=pytest.mark.slow) for each in ("threads", "processes", "rollout"))]
)
def test_pictures_are_the_same(backend):
    env, oracle = make("reacher-easy", backend), make("reacher-easy", "serial")
    try:
        oracle.check_rendering()
    except WmzooError as error:
        with pytest.raises(WmzooError) as mine:
            env.check_rendering()
        assert str(mine.value) == str(error)
        pytest.skip("no rendering on this machine")
    for each in (env, oracle):
        each.reset(SEED)
    assert_same(env, oracle, 3)
    for row in (0, BATCH - 1):
        assert np.array_equal(env.render(row, 64, 48), oracle.render(row, 64, 48))
    env.close()


@pytest.mark.slow
def test_auto_takes_arrays_where_they_are_defined_and_rollout_for_many_environments():
    assert isinstance(make("pendulum-swingup", "auto", batch=64).pool, RolloutPool)
    assert type(make("pendulum-swingup", "auto", batch=16).pool).__name__ == "ArrayPool"
    assert type(make("cartpole-swingup", "auto", batch=64).pool).__name__ == "ArrayPool"
    assert type(make("cheetah-run", "auto").pool).__name__ == "ArrayPool"
    assert type(make("finger-spin", "auto", batch=2).pool).__name__ == "SerialPool"


def test_auto_leaves_classic_control_in_one_process_up_to_hundreds():
    for count, pool in ((64, "SerialPool"), (256, "ProcessPool" if cores() > 1 else "SerialPool")):
        env = GymnasiumVectorEnv("Pendulum-v1", count)
        assert type(env.pool).__name__ == pool
        env.close()


def test_a_task_without_a_definition_is_refused_with_those_that_have_one():
    with pytest.raises(WmzooError, match="rollout is not defined for cheetah-run, only for cartpole-balance, "):
        make("cheetah-run", "rollout")
    with pytest.raises(WmzooError, match=r"backend=arrays is not defined for Humanoid-v5, only for Ant-v5, "):
        make("Humanoid-v5", "arrays")
    with pytest.raises(WmzooError, match=r"for no task of this suite; env\.backend=auto"):
        SimulatedVectorEnv("counting", Make(), 2, 3, backend="arrays")


def test_the_config_takes_the_backends_that_there_are():
    assert RULES["env.backend"].words == f"one of {', '.join(BACKENDS)}"


def test_a_backend_that_does_not_exist_is_refused_with_those_that_do():
    with pytest.raises(WmzooError, match="there is: auto, serial, threads, processes, arrays, rollout"):
        make("Hopper-v5", "async")

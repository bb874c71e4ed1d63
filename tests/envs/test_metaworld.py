"""Meta-World's tasks in a batch give Meta-World's own numbers."""

from unittest.mock import patch

import numpy as np
import pytest
import torch

pytest.importorskip("metaworld", reason="no release for this Python")
from metaworld.env_dict import ALL_V3_ENVIRONMENTS_GOAL_OBSERVABLE

from wmzoo.contracts.env import check_state_roundtrip
from wmzoo.envs import mujoco_state, rendering
from wmzoo.envs.metaworld import TASKS, MetaworldVectorEnv
from wmzoo.envs.simulator import SimulationError
from wmzoo.errors import WmzooError

# A goal alone, a moved body that the hand can touch during a reset, free objects, a target that views the simulation.
VARIED = ["reach-v3", "door-lock-v3", "stick-pull-v3", "basketball-v3"]
# Of a pinned Meta-World: they are to be run when its version, or what makes copies and states of its tasks, changes.
OTHERS = [pytest.param(task, marks=pytest.mark.exhaustive) for task in TASKS if task not in VARIED]
SEED, BATCH, LENGTH = 3, 2, 6


class Reference:
    """Meta-World's own goal-observable environment, used as TD-MPC2 uses it: NumPy's global generator draws the goals.

    Here that one's place is taken by the generator of row `row`.
    """

    def __init__(self, task, row):
        self.env = ALL_V3_ENVIRONMENTS_GOAL_OBSERVABLE[f"{task}-goal-observable"](seed=0)
        self.env._freeze_rand_vec = False
        self.step = self.env.step
        seed = int(np.random.SeedSequence(SEED).spawn(BATCH)[row].generate_state(1)[0])
        self.generator = np.random.Generator(np.random.PCG64(seed))

    def reset(self):
        with patch("numpy.random.uniform", self.generator.uniform):
            return torch.tensor(self.env.reset()[0], dtype=torch.float32)


def check_against_metaworld(task):
    """Each row of a batch against an environment of its own, over three episodes."""
    env = MetaworldVectorEnv(task, BATCH, episode_length=LENGTH)
    references = [Reference(task, row) for row in range(BATCH)]
    assert torch.equal(env.reset(SEED), torch.stack([each.reset() for each in references]))
    generator = torch.Generator().manual_seed(0)
    for step in range(1, 3 * LENGTH + 1):
        actions = 2 * torch.rand(BATCH, 4, generator=generator) - 1
        got = env.step(actions)
        for row, each in enumerate(references):
            _, first, *_ = each.step(actions[row].numpy())
            obs, second, _, _, info = each.step(actions[row].numpy())
            assert torch.equal(got.final_obs[row], torch.tensor(obs, dtype=torch.float32)), (step, row)
            assert got.reward[row].item() == np.float32(first + second), (step, row)
            assert got.success[row].item() == float(info["success"]), (step, row)
            if step % LENGTH == 0:
                assert torch.equal(got.obs[row], each.reset()), (step, row)
        assert bool(got.truncated.all()) == (step % LENGTH == 0)


@pytest.mark.parametrize("task", VARIED)
def test_a_batch_gives_metaworlds_own_observations_rewards_and_successes(task):
    check_against_metaworld(task)


@pytest.mark.slow
@pytest.mark.parametrize("task", OTHERS)
def test_every_task_gives_metaworlds_own_numbers(task):
    check_against_metaworld(task)


@pytest.mark.slow
@pytest.mark.parametrize("task", VARIED + OTHERS)
def test_every_task_goes_on_bit_for_bit(task):
    check_state_roundtrip(lambda num_envs: MetaworldVectorEnv(task, num_envs, episode_length=12))


def test_an_object_whose_place_is_a_view_of_the_simulation_survives_a_saved_state():
    check_state_roundtrip(lambda num_envs: MetaworldVectorEnv("door-lock", num_envs, episode_length=20))


@pytest.mark.slow
@pytest.mark.parametrize("task", VARIED + OTHERS)
def test_a_task_moves_nothing_in_its_model_but_what_copies_have_of_their_own(task):
    simulator = MetaworldVectorEnv(task, 1).pool.simulators[0]
    original = mujoco_state.ModelArrays(simulator.environment.model)
    simulator.seed(0)
    for _ in range(3):
        simulator.reset()
        simulator.step(np.zeros(4))
    changed = original.changes(simulator.environment.model)
    assert {name for name, value in changed.items() if not np.isnan(value).any()} <= {"body_pos", "site_pos"}


def test_an_episode_has_100_steps_of_two_and_never_terminates():
    env = MetaworldVectorEnv("reach", 2)
    env.reset(0)
    steps = [env.step(torch.zeros(2, 4)) for _ in range(101)]
    assert [i for i, step in enumerate(steps, start=1) if step.truncated.any()] == [100]
    assert not any(step.terminated.any() for step in steps)
    assert env.control_timestep == 0.025


def test_an_episode_may_be_longer_than_metaworlds_own_500_steps():
    env = MetaworldVectorEnv("reach", 1, action_repeat=100, episode_length=6)
    env.reset(0)
    assert [env.step(torch.zeros(1, 4)).truncated.item() for _ in range(6)] == [False] * 5 + [True]


def test_the_action_repeat_sets_the_episodes_length():
    assert MetaworldVectorEnv("reach", 1, action_repeat=1).episode_length == 200
    assert MetaworldVectorEnv("reach", 1, action_repeat=3).episode_length == 67


def test_the_goal_is_seen_and_is_another_one_in_every_episode():
    env = MetaworldVectorEnv("reach", 4, episode_length=1)
    first = env.reset(0)[:, -3:]
    second = env.step(torch.zeros(4, 4)).obs[:, -3:]
    goals = torch.cat([first, second])
    assert len(goals.unique(dim=0)) == 8 and (goals != 0).all()


def test_a_hand_that_goes_to_the_goal_succeeds_and_is_paid_ten_a_raw_step():
    env = MetaworldVectorEnv("reach", 3)
    obs = env.reset(0)
    for _ in range(50):
        towards = 10 * (obs[:, -3:] - obs[:, :3])
        step = env.step(torch.cat([towards, torch.zeros(3, 1)], 1))
        obs = step.obs
    assert step.success.tolist() == [1, 1, 1]
    assert (step.reward > 15).all() and (step.reward <= 20).all()


def test_numpys_global_generator_is_neither_read_nor_moved():
    def play(global_seed):
        np.random.seed(global_seed)
        before = np.random.get_state()[1].copy()
        env = MetaworldVectorEnv("door-open", 2, episode_length=2)
        seen = [env.reset(0), *(env.step(torch.ones(2, 4)).obs for _ in range(4))]
        assert np.array_equal(np.random.get_state()[1], before)
        return torch.stack(seen)

    assert torch.equal(play(1), play(2))


def test_copies_of_a_task_share_one_model():
    env = MetaworldVectorEnv("reach", 3)
    assert len({id(simulator.environment.model) for simulator in env.pool.simulators}) == 1


@pytest.mark.slow
def test_pictures_change_nothing_and_show_what_a_reset_moved():
    if rendering.choose_backend() not in ("egl", "osmesa"):
        pytest.skip("nothing draws here")
    drawn, undrawn = MetaworldVectorEnv("window-close", 2), MetaworldVectorEnv("window-close", 2)
    drawn.reset(SEED)
    undrawn.reset(SEED)
    poses = drawn.pool.simulators[0].environment.data.xpos
    stale = poses.copy()
    pictures = [drawn.render(0)]
    assert not np.array_equal(poses, stale)  # Meta-World shows the window where it was before the reset
    for _ in range(5):
        actions = torch.ones(2, 4)
        assert torch.equal(drawn.step(actions).obs, undrawn.step(actions).obs)
        pictures.append(drawn.render(0))
    assert not np.array_equal(pictures[0], pictures[-1])
    drawn.close()


def test_a_simulation_that_blows_up_is_an_error_that_names_mujocos_warning():
    env = MetaworldVectorEnv("reach", 1)
    env.reset(0)
    env.pool.simulators[0].environment.data.qvel[:] = 1e30
    with pytest.raises(SimulationError, match="BADQ"):
        env.step(torch.zeros(1, 4))


@pytest.mark.parametrize("name", ["door-open", "mw-door-open", "door-open-v3", "door_open", "MW-Door_Open_v3"])
def test_a_task_is_found_under_its_usual_names(name):
    assert MetaworldVectorEnv(name, 1).task == "door-open-v3"


@pytest.mark.parametrize("name", ["dor-open", "door-open-v2"])
def test_an_unknown_task_names_near_ones_and_where_the_list_is(name):
    with pytest.raises(WmzooError, match=r"did you mean door-open-v3.*wmzoo list tasks metaworld"):
        MetaworldVectorEnv(name, 1)

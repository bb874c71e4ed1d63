"""MT30's tasks: all that must be dm_control's own, and the custom ones among them."""

import numpy as np
import pytest

from wmzoo.contracts.env import check_independence, check_state_roundtrip
from wmzoo.envs import mt30
from wmzoo.envs.dmc import DmcVectorEnv
from wmzoo.envs.dmc_tasks import suite
from wmzoo.envs.task_sets import MT30
from wmzoo.errors import WmzooError


@pytest.mark.parametrize("task", MT30, ids=lambda task: task.name)
def test_every_task_has_its_widths_and_1000_steps_of_its_own(task):
    env = mt30.load(task.name, 0)
    observation = env.reset().observation
    assert sum(np.size(value) for value in observation.values()) == task.obs_dim
    assert env.action_spec().shape == (task.act_dim,)
    assert env._step_limit == pytest.approx(1000)
    first = env.step(np.zeros(task.act_dim))
    assert 0 <= first.reward <= 1 and isinstance(first.reward, float)


@pytest.mark.parametrize("name", ["walker-stand", "cup-catch", "cartpole-swingup-sparse", "finger-turn-hard"])
def test_a_task_of_the_suite_is_the_suites_own(name):
    domain, _, task = name.replace("cup", "ball_in_cup").partition("-")
    mine, theirs = mt30.load(name, 5), suite.load(domain, task.replace("-", "_"), task_kwargs={"random": 5})
    same_episode(mine, theirs, rewards=True)


@pytest.mark.parametrize(
    ("name", "domain", "task"),
    [
        ("cheetah-run-backwards", "cheetah", "run"),
        ("cheetah-run-front", "cheetah", "run"),
        ("cheetah-run-back", "cheetah", "run"),
        ("cheetah-jump", "cheetah", "run"),
        ("walker-walk-backwards", "walker", "walk"),
        ("walker-run-backwards", "walker", "walk"),
        ("hopper-hop-backwards", "hopper", "hop"),
        ("pendulum-spin", "pendulum", "swingup"),
    ],
)
def test_a_custom_task_differs_from_the_suites_in_its_reward_alone(name, domain, task):
    same_episode(mt30.load(name, 5), suite.load(domain, task, task_kwargs={"random": 5}), rewards=False)


def same_episode(mine, theirs, rewards):
    assert mine.control_timestep() == theirs.control_timestep() and mine._step_limit == theirs._step_limit
    left, right = mine.reset(), theirs.reset()
    actions = np.random.RandomState(0).uniform(-1, 1, (20, *theirs.action_spec().shape))
    for action in [None, *actions]:
        if action is not None:
            left, right = mine.step(action), theirs.step(action)
            assert left.reward == right.reward or not rewards
        assert list(left.observation) == list(right.observation)
        for name, value in right.observation.items():
            assert np.array_equal(left.observation[name], value)


@pytest.mark.parametrize("task", ["cup-spin", "reacher-three-easy"])
def test_a_batch_of_a_custom_task_goes_on_bit_for_bit(task):
    check_state_roundtrip(lambda num_envs: DmcVectorEnv(task, num_envs, episode_length=20))
    check_independence(lambda num_envs: DmcVectorEnv(task, num_envs))


def test_an_unknown_task_names_near_ones():
    with pytest.raises(WmzooError, match=r"'cheetah-jumps': did you mean cheetah-jump.* there are 30 in MT30"):
        mt30.load("cheetah-jumps")
    with pytest.raises(WmzooError, match="30 in MT30"):
        mt30.load("humanoid-walk")  # of the suite, but not of MT30

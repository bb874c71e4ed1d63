"""A task as a Gymnasium environment."""

from __future__ import annotations

import warnings

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

import wmzoo
from wmzoo.envs.base import VectorEnv
from wmzoo.envs.single import SingleEnv
from wmzoo.errors import WmzooError
from wmzoo.registry import build

# The finite ranges of observations are not known, and what is made of a config has no spec.
KNOWN = "Box observation space m..imum value is|Not able to test alternative render modes"


def bet(length: int = 3, seed: int = 0) -> SingleEnv:
    return SingleEnv(build("env", "toy", task="bet", num_envs=1, episode_length=length), seed)


@pytest.mark.parametrize("name", ["cartpole_swingup", "fish-swim", "Hopper-v5", "Pendulum-v1", "bet2"])
def test_a_task_passes_gymnasium_s_own_checks_without_other_warnings(name: str) -> None:
    env = wmzoo.make_env(name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", f".*({KNOWN})")
        check_env(env)
    env.close()


def test_a_config_of_the_caller_s_is_played_in_one_row() -> None:
    cfg = wmzoo.compose(["env=cartpole_swingup", "env.action_repeat=4", "env.num_envs=64"])
    env = wmzoo.make_env(cfg)
    assert (env.rows.num_envs, env.rows.episode_length, env.metadata["render_fps"]) == (1, 250, 25)
    assert cfg.env.num_envs == 64


def test_an_unknown_name_is_told_with_what_was_perhaps_meant() -> None:
    with pytest.raises(WmzooError, match="unknown env 'cartpole_swngup': did you mean cartpole_swingup"):
        wmzoo.make_env("cartpole_swngup")


def test_an_episode_is_that_of_the_batch_s_first_row() -> None:
    env, rows = wmzoo.make_env("Hopper-v5"), build("env", "gymnasium", task="Hopper-v5", num_envs=3)
    start = rows.reset(5)
    assert np.array_equal(env.reset(seed=5)[0], start[0].numpy())
    terminated, draw = False, np.random.default_rng(0)
    while not terminated:
        actions = draw.uniform(-1, 1, (3, 3)).astype(np.float32)
        obs, reward, terminated, truncated, info = env.step(actions[0])
        step = rows.step(torch.from_numpy(actions))
        assert np.array_equal(obs, step.final_obs[0].numpy()) and reward == step.reward[0].item()
        assert (terminated, truncated) == (step.terminated[0].item(), step.truncated[0].item()) and info == {}
    assert type(reward) is float and type(terminated) is bool and type(truncated) is bool
    assert np.array_equal(env.reset()[0], step.obs[0].numpy())  # which the batch has begun


def test_without_a_seed_the_first_episode_is_that_of_make_env_s_and_the_next_ones_are_others() -> None:
    env, other = bet(seed=4), bet(seed=0)
    first, again = env.reset()[0], other.reset(seed=4)[0]
    assert np.array_equal(first, again)
    starts = [env.reset()[0] for _ in range(3)]  # each given up where it begins
    assert np.array_equal(starts, [other.reset()[0] for _ in range(3)])
    assert len({start[0] for start in [first, *starts]}) == 4
    assert np.array_equal(env.reset(seed=4)[0], first)


def test_an_episode_that_is_over_takes_no_step() -> None:
    env = bet(length=2)
    with pytest.raises(gymnasium.error.ResetNeeded, match="call reset"):
        env.step(np.zeros(2))
    env.reset()
    assert [env.step(np.zeros(2))[3] for _ in range(2)] == [False, True]
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(np.zeros(2))
    env.reset()
    env.step(np.zeros(2))


def test_a_start_that_was_waiting_is_forgotten_when_a_seed_is_given() -> None:
    env = bet(length=1)
    first = env.reset(seed=1)[0]
    env.step(np.zeros(2))
    assert np.array_equal(env.reset(seed=1)[0], first)


def test_success_and_the_number_of_the_task_are_in_the_info() -> None:
    cfg = wmzoo.compose(["env=multitask", "env.set=[cup-catch,reacher-easy]", "env.only=[reacher-easy]"])
    env = wmzoo.make_env(cfg)
    assert env.reset()[1] == env.step(np.zeros(2))[4] == {"task": 1}
    pytest.importorskip("metaworld")
    env = wmzoo.make_env("drawer-open")
    env.reset()
    assert env.step(np.zeros(4))[4] == {"success": 0.0}


def test_pictures_are_drawn_where_they_are_asked_for() -> None:
    env = bet()
    env.reset()
    assert env.render() is None
    drawn = wmzoo.make_env("bet", render_mode="rgb_array")
    drawn.reset(seed=0)
    picture = drawn.render()
    assert picture.dtype == np.uint8 and picture.shape == (360, 480, 3) and picture.std() > 0
    with pytest.raises(WmzooError, match="render_mode is rgb_array or None, not 'human'"):
        wmzoo.make_env("bet", render_mode="human")


def test_pictures_that_cannot_be_drawn_are_refused_when_the_environment_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(self: VectorEnv) -> None:
        raise WmzooError("no rendering: a reason")

    monkeypatch.setattr("wmzoo.envs.toy.ToyVectorEnv.check_rendering", refuse)
    with pytest.raises(WmzooError, match="no rendering: a reason"):
        wmzoo.make_env("bet", render_mode="rgb_array")


def test_an_agent_s_array_is_an_action_and_so_is_its_tensor() -> None:
    env = bet()
    env.reset(seed=2)
    one = env.step(np.array([0.5, -0.25], dtype=np.float32))
    env.reset(seed=2)
    assert np.array_equal(one[0], env.step(torch.tensor([0.5, -0.25]))[0])
    with pytest.raises(WmzooError, match=r"actions have shape \(1, 3\), this environment takes \(1, 2\)"):
        env.step(np.zeros(3))

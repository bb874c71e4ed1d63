"""The model in the place of its environment: Gymnasium's own checks hold, and steps are those of the world model."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.vector import NormalizeObservation, RecordEpisodeStatistics
from saved_agents import saved

import wmzoo
from wmzoo.agent.agent import Agent
from wmzoo.errors import WmzooError

STARTS = torch.randn(20, 5, generator=torch.Generator().manual_seed(0))
KINDS = ("mlp", "flow", "gaussian", "categorical")


def agent_of(dynamics: str = "mlp", *typed: str) -> Agent:
    agent = wmzoo.build_agent(wmzoo.compose(["size=tiny", f"dynamics={dynamics}", *typed]), obs_dim=5, act_dim=2).eval()
    chance = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in agent.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=chance), alpha=0.1)
    agent.world_model.reward_moments.update(3 * torch.randn(100, generator=chance))
    return agent


def endless(dynamics: str = "mlp", *typed: str) -> Agent:
    return agent_of(dynamics, "recipe.termination=false", *typed)


def actions(steps: int, rows: int) -> Any:
    return np.random.default_rng(0).uniform(-1, 1, (steps, rows, 2)).astype(np.float32)


@pytest.mark.parametrize("dynamics", KINDS)
def test_gymnasiums_own_checks_hold(dynamics: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*`spec`.*|.*not from the `gymnasium` package.*")
        check_env(wmzoo.as_env(agent_of(dynamics), STARTS), skip_render_check=True)


@pytest.mark.parametrize("dynamics", ["mlp", "flow"])
def test_steps_are_those_of_the_world_model_with_rewards_in_the_tasks_units(dynamics: str) -> None:
    agent = endless(dynamics)
    env = wmzoo.as_env(agent, STARTS, num_envs=3)
    seen, _ = env.reset(seed=1)
    z = torch.from_numpy(seen)
    starts = agent.world_model.encode(STARTS)
    assert all((starts == row).all(1).any() for row in z)
    for action in actions(5, 3):
        seen, reward, terminated, truncated, _ = env.step(action)
        with torch.no_grad():
            z, scaled = agent.world_model.step(z, torch.from_numpy(action))
        np.testing.assert_allclose(seen, z.numpy(), atol=1e-6)
        np.testing.assert_allclose(reward, scaled.numpy() * float(agent.world_model.reward_moments.std), rtol=1e-5)
        assert not terminated.any() and not truncated.any()


@pytest.mark.parametrize("dynamics", ["gaussian", "categorical", "mlp"])
def test_the_same_seed_gives_the_same_episodes_and_another_one_others(dynamics: str) -> None:
    def play(seed: int) -> Any:
        env = wmzoo.as_env(agent_of(dynamics), STARTS, num_envs=4, horizon=6)
        first, _ = env.reset(seed=seed)
        return [first, *(part for action in actions(20, 4) for part in env.step(action)[:4])]

    one, same, other = play(1), play(1), play(2)
    assert all(np.array_equal(left, right) for left, right in zip(one, same, strict=True))
    assert not np.array_equal(one[0], other[0]) and not np.array_equal(one[-4], other[-4])


def test_a_stochastic_dynamics_gives_samples() -> None:
    """From one start, under one action, as many latents as there are rows."""
    env = wmzoo.as_env(endless("gaussian"), STARTS[:1], num_envs=8)
    env.reset(seed=0)
    seen = env.step(np.zeros((8, 2), np.float32))[0]
    assert len(np.unique(seen, axis=0)) == 8


def test_one_environment_is_a_batch_of_one() -> None:
    agent = agent_of("gaussian")
    one, batch = wmzoo.as_env(agent, STARTS, horizon=9), wmzoo.as_env(agent, STARTS, horizon=9, num_envs=1)
    assert np.array_equal(one.reset(seed=3)[0], batch.reset(seed=3)[0][0])
    for action in actions(9, 1):
        mine, theirs = one.step(action[0]), batch.step(action)
        assert np.array_equal(mine[0], theirs[0][0]) and mine[1:4] == tuple(part[0] for part in theirs[1:4])
        if mine[2] or mine[3]:
            return


def test_an_episode_is_truncated_at_its_horizon_and_begins_anew_at_the_next_step() -> None:
    agent = endless()
    env = wmzoo.as_env(agent, STARTS, num_envs=3, horizon=4)
    assert env.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    env.reset(seed=0)
    starts = agent.world_model.encode(STARTS).detach().numpy()
    ended = []
    for action in actions(11, 3):
        seen, reward, _, truncated, _ = env.step(action)
        ended.append(truncated.all())
        assert truncated.any() == truncated.all()
        begun = len(ended) > 1 and ended[-2]
        at_a_start = [bool((starts == row).all(1).any()) for row in seen]
        assert at_a_start == [begun] * 3 and (reward == 0).all() == begun
    assert np.flatnonzero(ended).tolist() == [3, 8]


def test_episodes_end_as_often_as_the_model_says() -> None:
    agent = agent_of()
    head = agent.world_model.termination_head
    assert head is not None
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.zero_()
        head[-1].bias.fill_(float(np.log(10 * 0.2 / 0.8)))  # the odds of an end, by the weight that ends have
    env = wmzoo.as_env(agent, STARTS, num_envs=500, horizon=1000)
    env.reset(seed=0)
    ends = [env.step(np.zeros((500, 2), np.float32))[2].mean()]
    assert ends[0] == pytest.approx(0.2, abs=0.06)  # three standard deviations
    _, reward, terminated, _, _ = env.step(np.zeros((500, 2), np.float32))
    assert ((reward == 0) & ~terminated).mean() == pytest.approx(ends[0], abs=1e-9)


def test_gymnasiums_wrappers_of_vector_environments_take_it() -> None:
    env = RecordEpisodeStatistics(NormalizeObservation(wmzoo.as_env(endless(), STARTS, num_envs=3, horizon=4)))
    env.reset(seed=0)
    infos = [env.step(action)[4] for action in actions(10, 3)]
    assert [info["episode"]["l"].tolist() for info in infos if "episode" in info] == [[4, 4, 4]] * 2


def test_a_latent_that_may_leave_its_simplices_has_no_bounds() -> None:
    free = wmzoo.as_env(endless("mlp", "dynamics.residual=latent", "dynamics.retract=none"), STARTS)
    assert np.isinf(free.observation_space.high).all()
    assert (wmzoo.as_env(endless(), STARTS).observation_space.high == 1).all()


def test_without_starts_the_agents_own_task_gives_them() -> None:
    agent = wmzoo.load("cartpole_swingup-mlp")
    env = wmzoo.as_env(agent, horizon=5)
    assert isinstance(env, gymnasium.Env) and len(env.episodes.starts) == 64
    env.reset(seed=0)
    rewards = [env.step(np.zeros(1, np.float32))[1] for _ in range(5)]
    assert all(-0.1 < reward < 0.5 for reward in rewards)  # a pole that hangs, in two steps of dm_control


@pytest.mark.slow
def test_of_several_tasks_one_is_played(tmp_path: Path) -> None:
    agent = wmzoo.load(saved(tmp_path / "agent"))
    model, starts = agent.world_model, torch.randn(6, agent.obs_dim)
    env = wmzoo.as_env(agent, starts, task="pendulum-swingup", num_envs=6)
    seen, _ = env.reset(seed=0)
    task = torch.full((6,), 1)
    assert np.isin(seen, model.encode(starts, task).detach().numpy()).all()
    action = torch.rand(6, agent.act_dim)
    wanted = model.next(torch.from_numpy(seen), action, task).detach().numpy()
    np.testing.assert_allclose(env.step(action.numpy())[0], wanted, atol=1e-6)
    assert wmzoo.as_env(agent, task=1).episodes.starts.shape == (64, model.encode(starts, task).shape[1])
    with pytest.raises(WmzooError, match="it plays several tasks"):
        wmzoo.as_env(agent, starts)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"starts": torch.zeros(3, 4)}, r"shape \(3, 4\); it takes finite observations \[N, 5\]"),
        ({"starts": torch.zeros(0, 5)}, "it takes finite observations"),
        ({"starts": torch.full((2, 5), float("nan"))}, "it takes finite observations"),
        ({"starts": STARTS, "horizon": 0}, "each is 1 or more"),
        ({"starts": STARTS, "num_envs": 0}, "each is 1 or more"),
        ({"starts": STARTS, "task": "walker-walk"}, "is for agents of several tasks"),
    ],
)
def test_what_cannot_be_is_told(given: dict[str, Any], told: str) -> None:
    with pytest.raises(WmzooError, match=told):
        wmzoo.as_env(agent_of(), **given)


@pytest.mark.slow
def test_stable_baselines_trains_in_it() -> None:
    baselines = pytest.importorskip("stable_baselines3", reason="stable-baselines3 is not installed")
    from stable_baselines3.common.env_checker import check_env as check

    env = wmzoo.as_env(agent_of("flow"), STARTS, horizon=16)
    check(env)
    learner = baselines.PPO("MlpPolicy", env, n_steps=128, batch_size=64, n_epochs=2, seed=0, device="cpu")
    before = [parameter.clone() for parameter in learner.policy.parameters()]
    learner.learn(384)
    assert learner.num_timesteps == 384
    assert any(not torch.equal(old, new) for old, new in zip(before, learner.policy.parameters(), strict=True))

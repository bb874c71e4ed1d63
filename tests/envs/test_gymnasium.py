"""Gymnasium's tasks in a batch give the numbers of Gymnasium's own vector environment."""

import gymnasium
import numpy as np
import pytest
import torch

from wmzoo.envs.gymnasium import GymnasiumVectorEnv
from wmzoo.errors import WmzooError

SEED, BATCH = 5, 3


@pytest.mark.parametrize("task", ["Hopper-v5", "HalfCheetah-v5", "Walker2d-v5", "Ant-v5", "Reacher-v5"])
def test_a_batch_gives_what_gymnasiums_vector_environment_gives(task):
    env = GymnasiumVectorEnv(task, BATCH, backend="serial")
    same_step = gymnasium.vector.AutoresetMode.SAME_STEP
    oracle = gymnasium.make_vec(task, BATCH, vectorization_mode="sync", vector_kwargs={"autoreset_mode": same_step})
    streams = np.random.SeedSequence(SEED).spawn(BATCH)
    expected, _ = oracle.reset(seed=[int(stream.generate_state(1)[0]) for stream in streams])
    assert torch.equal(env.reset(SEED), torch.tensor(expected, dtype=torch.float32))
    low, high = oracle.single_action_space.low, oracle.single_action_space.high
    generator = torch.Generator().manual_seed(0)
    ends = 0
    for _ in range(120):
        actions = 2 * torch.rand(BATCH, env.act_dim, generator=generator) - 1
        got = env.step(actions)
        native = (low + high) / 2 + (high - low) / 2 * actions.double().numpy()
        obs, reward, terminated, truncated, info = oracle.step(native.astype(np.float32))
        final = obs.copy()
        for row in np.flatnonzero(terminated | truncated):
            final[row] = info["final_obs"][row]
            ends += 1
        assert torch.equal(got.obs, torch.tensor(obs, dtype=torch.float32))
        assert torch.equal(got.final_obs, torch.tensor(final, dtype=torch.float32))
        assert torch.equal(got.reward, torch.tensor(reward, dtype=torch.float32))
        assert got.terminated.tolist() == terminated.tolist()
        assert got.truncated.tolist() == truncated.tolist()
    assert ends > 0 or task == "HalfCheetah-v5"  # nothing ends a cheetah within 120 steps
    oracle.close()


def test_an_action_repeat_sums_rewards_and_shortens_the_episode():
    once, twice = GymnasiumVectorEnv("HalfCheetah-v5", 1), GymnasiumVectorEnv("HalfCheetah-v5", 1, action_repeat=2)
    assert (once.episode_length, twice.episode_length) == (1000, 500)
    once.reset(0)
    twice.reset(0)
    action = torch.full((1, 6), 0.5)
    single, double = [once.step(action) for _ in range(2)], twice.step(action)
    assert torch.equal(double.obs, single[1].obs)
    torch.testing.assert_close(double.reward, single[0].reward + single[1].reward)


def test_a_registered_time_limit_is_kept_as_truncation():
    env = GymnasiumVectorEnv("Reacher-v5", 1)
    env.reset(0)
    assert [env.step(torch.zeros(1, 2)).truncated.item() for _ in range(50)] == [False] * 49 + [True]


def test_building_prints_nothing(capfd):
    GymnasiumVectorEnv("HalfCheetah-v5", 2).reset(0)
    assert capfd.readouterr() == ("", "")


def test_an_unknown_task_names_near_ones_and_where_the_list_is():
    with pytest.raises(WmzooError, match=r"did you mean Hopper-v5.*wmzoo list tasks gymnasium"):
        GymnasiumVectorEnv("Hoper-v5", 1)


def test_discrete_actions_are_refused_in_words():
    with pytest.raises(WmzooError, match="only continuous actions"):
        GymnasiumVectorEnv("CartPole-v1", 1)

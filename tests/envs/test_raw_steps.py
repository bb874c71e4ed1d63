"""An action repeat that does not divide a task's time limit: the last agent step takes the raw steps that are left."""

import gymnasium
import numpy as np
import pytest
import torch

from wmzoo.envs import dmc_tasks
from wmzoo.envs.dmc import DmcVectorEnv
from wmzoo.envs.gymnasium import GymnasiumVectorEnv
from wmzoo.envs.simulator import RawSteps, own_limit

BATCH, REPEAT = 3, 3


@pytest.mark.parametrize(
    ("repeat", "limit", "expected"),
    [(3, 10, [3, 3, 3, 1]), (2, 10, [2] * 5), (4, 6, [4, 2]), (7, 5, [5]), (3, None, [3] * 5)],
)
def test_an_episode_has_as_many_raw_steps_as_its_limit(repeat, limit, expected):
    raw = RawSteps(repeat, limit)
    assert [raw.next() for _ in expected] == expected
    raw.taken = 0
    assert raw.next() == expected[0]


@pytest.mark.parametrize(
    ("episode_length", "expected"), [(None, 1000), (334, 1000), (100, 1000), (335, None), (2000, None)]
)
def test_who_asks_for_longer_episodes_than_the_tasks_own_gets_whole_agent_steps(episode_length, expected):
    assert own_limit(1000, 3, episode_length) == expected


@pytest.mark.parametrize("backend", ["serial", "arrays", "rollout"])
def test_an_episode_of_the_suite_ends_after_a_thousand_raw_steps_with_dm_controls_own_last_reward(backend):
    env = DmcVectorEnv("pendulum-swingup", BATCH, action_repeat=REPEAT, backend=backend)
    streams = [int(s.generate_state(1)[0]) for s in np.random.SeedSequence(1).spawn(BATCH)]
    oracle = dmc_tasks.load("pendulum", "swingup", random=streams[-1])
    env.reset(1)
    oracle.reset()
    push = 0.7 * torch.ones(BATCH, 1)
    for step in range(334):
        got, reward = env.step(push), 0.0
        for _ in range(REPEAT):
            told = oracle.step(np.full(1, 0.7, dtype=np.float32).astype(np.float64))
            reward += told.reward
            if told.last():
                break
        assert got.reward[-1].item() == np.float32(reward), step
        assert got.truncated[-1].item() == told.last(), step
    last = np.concatenate([np.ravel(value) for value in told.observation.values()])
    assert torch.equal(got.final_obs[-1], torch.tensor(last, dtype=torch.float32))


@pytest.mark.parametrize("backend", ["serial", "threads", "arrays"])
def test_an_episode_of_gymnasium_ends_after_its_registered_steps(backend):
    env = GymnasiumVectorEnv("HalfCheetah-v5", 1, 3, backend=backend, options={"max_episode_steps": 10})
    oracle = gymnasium.make("HalfCheetah-v5")
    (stream,) = np.random.SeedSequence(1).spawn(1)
    env.reset(1)
    oracle.reset(seed=int(stream.generate_state(1)[0]))
    action = torch.full((1, 6), 0.5)
    steps = [env.step(action) for _ in range(4)]
    rewards = [oracle.step(action[0].numpy())[1] for _ in range(10)]
    expected = [sum(rewards[:3]), sum(rewards[3:6]), sum(rewards[6:9]), rewards[9]]
    assert [s.reward.item() for s in steps] == pytest.approx(expected)
    assert [s.truncated.item() for s in steps] == [False, False, False, True]


def test_a_staggered_first_episode_is_cut_after_whole_agent_steps():
    env, plain = (DmcVectorEnv("pendulum-swingup", BATCH, action_repeat=REPEAT, backend="serial") for _ in range(2))
    env.reset(1, stagger=True)
    plain.reset(1)
    still = torch.ones(BATCH, 1)
    for _ in range(334 - 222):  # row 2 starts as if at step 222
        mine, theirs = env.step(still), plain.step(still)
    assert mine.truncated.tolist() == [False, False, True]
    assert torch.equal(mine.reward, theirs.reward)


@pytest.mark.parametrize("backend", ["serial", "arrays", "rollout"])
def test_a_saved_state_knows_how_many_raw_steps_are_left(backend):
    env, other = (DmcVectorEnv("pendulum-swingup", BATCH, action_repeat=REPEAT, backend=backend) for _ in range(2))
    push = torch.ones(BATCH, 1)
    env.reset(1)
    other.reset(2)
    for _ in range(330):
        env.step(push)
    other.load_state_dict(env.state_dict())
    for _ in range(6):
        mine, theirs = env.step(push), other.step(push)
        assert torch.equal(mine.reward, theirs.reward) and torch.equal(mine.final_obs, theirs.final_obs)
        assert torch.equal(mine.truncated, theirs.truncated)


def test_meta_world_ends_after_its_two_hundred_raw_steps(monkeypatch):
    pytest.importorskip("metaworld")
    from wmzoo.envs.metaworld_simulator import MakeMetaworldSimulators

    (simulator,) = MakeMetaworldSimulators("reach-v3", 67)(1)
    simulator.seed(0)
    simulator.reset()
    taken = []
    step = simulator.environment.step
    monkeypatch.setattr(simulator.environment, "step", lambda action: taken.append(1) or step(action))
    for _ in range(simulator.facts.time_limit):
        simulator.step(np.zeros(4))
    assert len(taken) == 200
    simulator.close()

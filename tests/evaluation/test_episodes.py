"""Evaluation on environments whose returns can be added up by hand."""

from types import SimpleNamespace

import pytest
import torch

from wmzoo.errors import RunFailed, WmzooError
from wmzoo.evaluation.episodes import Evaluation, evaluate


class Countdown:
    """Environment i lasts lengths[i] steps and pays action + i·step; ended ones restart and pay 1000."""

    episode_length = 6

    def __init__(self, lengths, successes=None, terminates=False):
        self.lengths, self.num_envs = torch.tensor(lengths), len(lengths)
        self.successes, self.terminates = successes, terminates
        self.seeds, self.steps = [], 0

    def reset(self, seed):
        self.seeds.append(seed)
        self.steps = 0
        return torch.zeros(self.num_envs, 1)

    def step(self, actions):
        self.steps += 1
        index = torch.arange(self.num_envs)
        reward = torch.where(self.lengths < self.steps, 1000.0, actions[:, 0] + index * self.steps)
        end = self.lengths == self.steps
        no = torch.zeros_like(end)
        return SimpleNamespace(
            obs=torch.full((self.num_envs, 1), float(self.steps)),
            final_obs=torch.full((self.num_envs, 1), float(self.steps)),
            reward=reward.float(),
            terminated=end if self.terminates else no,
            truncated=no if self.terminates else end,
            success=None if self.successes is None else self.successes[self.steps - 1],
        )


class Half:
    """Half in deterministic mode, else noise; remembers the observations it saw."""

    def __init__(self, value=0.5):
        self.value, self.seen = value, []

    def act(self, obs, task=None, deterministic=True):
        assert deterministic
        self.seen.append(obs[0, 0].item())
        return torch.full((obs.shape[0], 1), self.value)


@pytest.mark.parametrize("terminates", [False, True])
def test_each_environment_gives_one_episode_and_what_follows_is_ignored(terminates):
    env = Countdown([1, 3, 2], terminates=terminates)
    result = evaluate(Half(), env, seed=7)
    # 1 step of 0.5; 3 of 0.5 + (1+2+3); 2 of 0.5 + 2·(1+2)
    assert result.returns == (0.5, 7.5, 7.0)
    assert result.lengths == (1, 3, 2)
    assert env.seeds == [7] and env.steps == 3


def test_the_agent_sees_the_observation_of_each_step():
    agent = Half()
    evaluate(agent, Countdown([4]), seed=0)
    assert agent.seen == [0, 1, 2, 3]


def test_success_is_what_the_last_step_of_the_episode_says():
    successes = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    result = evaluate(Half(), Countdown([3, 2], successes), seed=0)
    assert result.successes == (True, True) and result.success == 1.0
    result = evaluate(Half(), Countdown([2, 1], successes), seed=0)
    assert result.successes == (False, False) and result.success == 0.0
    assert result.successes_any == (True, False)  # what follows an episode's end is ignored here too


def test_mean_and_standard_deviation_are_over_episodes():
    result = Evaluation(returns=(1.0, 3.0), lengths=(1, 1))
    assert (result.mean, result.std, result.success) == (2.0, 1.0, None)
    success = {"eval_success": None, "eval_success_any": None}
    assert result.row() == {"eval_return": 2.0, "eval_return_std": 1.0, **success}


def test_returns_are_added_in_double_precision():
    class Tiny(Countdown):
        def step(self, actions):
            out = super().step(actions)
            out.reward = torch.tensor([2.0**24 if self.steps == 1 else 1.0])
            return out

    assert evaluate(Half(), Tiny([5]), seed=0).returns == (2.0**24 + 4,)


def test_a_module_is_in_evaluation_mode_during_it_and_as_before_after_it():
    class Module(torch.nn.Module):
        def act(self, obs, task=None, deterministic=True):
            assert not self.training and not torch.is_grad_enabled()
            return torch.zeros(obs.shape[0], 1)

    agent = Module().train()
    evaluate(agent, Countdown([1]), seed=0)
    assert agent.training


def test_the_recorder_sees_environment_zero_before_each_step_of_its_episode_only():
    seen = []
    recorder = SimpleNamespace(capture=lambda env: seen.append(env.steps))
    evaluate(Half(), Countdown([2, 5]), seed=0, recorder=recorder)
    assert seen == [0, 1]


def test_a_non_finite_action_stops_the_evaluation():
    with pytest.raises(RunFailed, match="non-finite action at step 0"):
        evaluate(Half(float("nan")), Countdown([2]), seed=0)


def test_a_non_finite_reward_stops_it_but_not_one_after_the_episode():
    env = Countdown([2, 4])
    step = env.step

    def poisoned(actions, at, row):
        out = step(actions)
        if env.steps == at:
            out.reward[row] = float("inf")
        return out

    env.step = lambda actions: poisoned(actions, at=3, row=0)
    evaluate(Half(), env, seed=0)
    env.step = lambda actions: poisoned(actions, at=3, row=1)
    with pytest.raises(RunFailed, match="non-finite reward at step 2"):
        evaluate(Half(), env, seed=0)


def test_an_episode_longer_than_promised_is_an_error_and_no_endless_loop():
    with pytest.raises(RunFailed, match="6 steps"):
        evaluate(Half(), Countdown([7]), seed=0)


def test_an_agent_of_another_task_is_refused_with_both_sizes():
    agent, env = Half(1.0), Countdown([2])
    agent.obs_dim, agent.act_dim, env.obs_dim, env.act_dim = 5, 1, 17, 6
    with pytest.raises(WmzooError, match="takes observations of 5 numbers and gives actions of 1, .* has 17 and 6"):
        evaluate(agent, env, seed=0)

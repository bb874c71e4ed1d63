"""An observation that is not finite leaves nothing to report, also where an agent would make a number of it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from wmzoo.envs.base import Transition
from wmzoo.errors import RunFailed
from wmzoo.evaluation.episodes import evaluate


class Clamping:
    """As an agent that normalises: ±10 standard deviations are the most that it sees."""

    def act(self, obs: Tensor, task: Tensor | None = None, deterministic: bool = True) -> Tensor:
        return obs.clamp(-10, 10).nan_to_num().sum(1, keepdim=True) / 100


class Env:
    """Two environments, of 3 steps and of 2; `bad` is observed at step `at`, 0 the reset, by environment `row`."""

    num_envs, obs_dim, act_dim, episode_length, tasks = 2, 1, 1, 3, None

    def __init__(self, at: int, row: int, bad: float) -> None:
        self.at, self.row, self.bad = at, row, bad

    def _obs(self, step: int) -> Tensor:
        obs = torch.full((2, 1), float(step))
        obs[self.row] = self.bad if step == self.at else float(step)
        return obs

    def reset(self, seed: int) -> Tensor:
        self.steps = 0
        return self._obs(0)

    def step(self, actions: Tensor) -> Transition:
        self.steps += 1
        done, no = torch.tensor([self.steps == 3, self.steps == 2]), torch.zeros(2, dtype=torch.bool)
        return Transition(self._obs(self.steps), torch.ones(2), no, done, self._obs(self.steps), None, {})


@pytest.mark.parametrize("bad", [float("inf"), -float("inf"), float("nan")])
@pytest.mark.parametrize(("at", "row"), [(0, 0), (1, 1), (2, 0), (3, 0), (2, 1)])
def test_an_evaluation_that_meets_one_gives_no_number(at: int, row: int, bad: float) -> None:
    with pytest.raises(RunFailed, match=f"non-finite observation at step {at}"):
        evaluate(Clamping(), Env(at, row, bad), seed=0)  # type: ignore[arg-type]


def test_what_follows_an_episode_is_not_looked_at() -> None:
    assert evaluate(Clamping(), Env(3, 1, float("inf")), seed=0).returns == (3.0, 2.0)  # type: ignore[arg-type]

"""Episodes that are remembered as plain lists while a replay is fed with them."""

from __future__ import annotations

import math

import torch

from wmzoo.data.replay import ReplayBuffer
from wmzoo.envs.base import Transition

NUM_ENVS, LONGEST = 2, 6


class Chronicle:
    """Feeds a replay, and remembers every episode of every environment as plain lists of numbered things."""

    def __init__(self, replay: ReplayBuffer) -> None:
        self.replay, self.number, self.steps = replay, 0, 0
        self.episodes: list[dict[str, list[float]]] = []
        self.ended: list[int | None] = []  # of each, the step at which it did
        first = [self.open() for _ in range(NUM_ENVS)]
        self.running = list(range(NUM_ENVS))
        replay.start(torch.tensor(first).unsqueeze(1))

    def count(self) -> float:
        self.number += 1
        return float(self.number)

    def open(self) -> float:
        self.episodes.append({"obs": [self.count()], "action": [], "reward": []})
        self.ended.append(None)
        return self.episodes[-1]["obs"][0]

    def step(self, ends: list[int], spoilt: list[str | None] | None = None) -> None:
        """One step of all environments; `ends` says of each: 0 goes on, 1 terminated, 2 truncated; `spoilt`, which of
        its numbers is NaN."""
        self.steps += 1
        actions, rewards, final, following = [], [], [], []
        ends = [
            end or (2 if len(self.episodes[e]["action"]) + 1 == LONGEST else 0)
            for end, e in zip(ends, self.running, strict=True)
        ]
        for env, end in enumerate(ends):
            episode = self.episodes[self.running[env]]
            for kind, values in (("action", actions), ("reward", rewards), ("obs", final)):
                bad = spoilt is not None and spoilt[env] == kind
                values.append(math.nan if bad else self.count())
                episode[kind].append(values[-1])
            following.append(final[-1])
            if end:
                self.ended[self.running[env]] = self.steps
                following[-1] = self.open()
                self.running[env] = len(self.episodes) - 1
        end = torch.tensor(ends)
        self.replay.add(
            torch.tensor(actions).unsqueeze(1),
            Transition(
                torch.tensor(following).unsqueeze(1),
                torch.tensor(rewards),
                end == 1,
                end == 2,
                torch.tensor(final).unsqueeze(1),
                None,
                {},
            ),
        )

    def slices(self, horizon: int) -> set[tuple[float, ...]]:
        """Every slice of `horizon` steps there ever was: H+1 observations, H actions, H rewards, in a row."""
        return {
            (*e["obs"][i : i + horizon + 1], *e["action"][i : i + horizon], *e["reward"][i : i + horizon])
            for e in self.episodes
            for i in range(len(e["action"]) - horizon + 1)
        }


def replay_of(rows: int, seed: int = 0, recency: float = 1.0, terminates: bool = False) -> ReplayBuffer:
    generator = torch.Generator().manual_seed(seed)
    return ReplayBuffer(rows * NUM_ENVS, NUM_ENVS, 1, 1, LONGEST, generator, recency, terminates)

"""A simulator whose every number is known beforehand, for batches in this process and in workers."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wmzoo.envs.simulator import Facts, SimulationError, SimulatorStep

CRASH, RAISE, SLEEP = 0.25, 0.5, 0.75  # actions at which a Saboteur does that


class Counter:
    """obs = [episode number, steps in it]; the reward is the action; ends itself after `life` steps of an episode."""

    facts = Facts(obs_dim=2, act_dim=1, control_timestep=0.1, time_limit=None)

    def __init__(self, life: int = 10**9, cut: bool = False) -> None:
        self.life, self.cut, self.episode, self.steps = life, cut, 0, 0

    def seed(self, seed: int) -> None:
        self.episode = self.steps = 0

    def reset(self) -> np.ndarray:
        self.episode, self.steps = self.episode + 1, 0
        return np.array([self.episode, self.steps])

    def step(self, action: np.ndarray) -> SimulatorStep:
        self.steps += 1
        over = self.steps == self.life
        obs = np.array([self.episode, self.steps])
        return SimulatorStep(obs, float(action[0]), over and not self.cut, over and self.cut, float(over))

    def state(self) -> dict[str, Any]:
        return {"counts": np.array([self.episode, self.steps])}

    def load_state(self, state: dict[str, Any]) -> None:
        self.episode, self.steps = state["counts"].tolist()

    def render(self, width: int, height: int) -> np.ndarray:
        return np.full((height, width, 3), self.steps, dtype=np.uint8)

    def check_rendering(self) -> None:
        pass

    def close(self) -> None:
        pass


class Unsendable(Exception):
    """Its constructor takes more than its message, so that pickle cannot make it again."""

    def __init__(self, where: int, what: str) -> None:
        super().__init__(f"{what} at {where}")


class Saboteur(Counter):
    """Does what the action says."""

    def step(self, action: np.ndarray) -> SimulatorStep:
        if action[0] == CRASH:
            os.kill(os.getpid(), signal.SIGKILL)
        if action[0] == RAISE:
            raise SimulationError("the simulation became invalid")
        if action[0] == SLEEP:
            raise Unsendable(7, "asleep")
        return super().step(action)


@dataclass(frozen=True)
class Make:
    """Counters; `lives` of the first ones."""

    lives: tuple[int, ...] = ()
    cls: type[Counter] = field(default=Counter)

    def __call__(self, count: int) -> list[Counter]:
        lives = [*self.lives, *(10**9 for _ in range(count))][:count]
        return [self.cls(life) for life in lives]


def broken(count: int) -> list[Counter]:
    """A suite that cannot be made."""
    raise ValueError(f"no {count} counters here")

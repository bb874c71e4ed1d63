"""One simulator after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import numpy as np

from wmzoo.envs.pools.base import BatchStep, SimulatorPool
from wmzoo.envs.simulator import Simulator

S = TypeVar("S", bound=Simulator)


class SerialPool(SimulatorPool, Generic[S]):
    """Steps `simulators` in this thread."""

    def __init__(self, simulators: Sequence[S]) -> None:
        self.simulators = list(simulators)
        self.facts = self.simulators[0].facts

    def seed(self, seeds: Sequence[int]) -> None:
        for simulator, seed in zip(self.simulators, seeds, strict=True):
            simulator.seed(seed)

    def reset(self, rows: np.ndarray) -> np.ndarray:
        return np.stack([self.simulators[row].reset() for row in rows])

    def step(self, actions: np.ndarray) -> BatchStep:
        results = [simulator.step(action) for simulator, action in zip(self.simulators, actions, strict=True)]
        obs, reward, terminated, truncated, success = zip(*results, strict=True)
        return BatchStep(
            np.stack(obs),
            np.array(reward),
            np.array(terminated),
            np.array(truncated),
            None if all(each is None for each in success) else np.array([each or 0.0 for each in success]),
        )

    def states(self) -> list[dict[str, Any]]:
        return [simulator.state() for simulator in self.simulators]

    def load_states(self, states: Sequence[dict[str, Any]]) -> None:
        for simulator, state in zip(self.simulators, states, strict=True):
            simulator.load_state(state)

    def render(self, row: int, width: int, height: int) -> np.ndarray:
        return self.simulators[row].render(width, height)

    def check_rendering(self) -> None:
        self.simulators[0].check_rendering()

    def close(self) -> None:
        while self.simulators:
            self.simulators.pop().close()

"""The contract of a pool: B simulators, asked all at once."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from wmzoo.envs.simulator import Facts


class BatchStep(NamedTuple):
    """What B simulators return for one agent step."""

    obs: np.ndarray  # float64 [B, O]
    reward: np.ndarray  # float64 [B]
    terminated: np.ndarray  # bool [B]
    truncated: np.ndarray  # bool [B]: by the task itself
    success: np.ndarray | None  # float64 [B], 0 where a row was not told; None where none was


class SimulatorPool(ABC):
    """B simulators; what one does is independent of the others.

    workers: ids of the processes that hold them, none where this one does. An error of a simulator is raised as what it
    is when all have done their step; RunFailed where a worker is gone.
    """

    facts: Facts
    workers: tuple[int, ...] = ()

    @abstractmethod
    def seed(self, seeds: Sequence[int]) -> None:
        """Restart the random stream of each."""

    @abstractmethod
    def reset(self, rows: np.ndarray) -> np.ndarray:
        """Start episodes in `rows`, int [R] in ascending order, and return their first observations [R, O]."""

    @abstractmethod
    def step(self, actions: np.ndarray) -> BatchStep:
        """Advance all by one agent step; actions float64 [B, A] in [-1, 1]."""

    @abstractmethod
    def states(self) -> list[dict[str, Any]]:
        """The state of each; the same whatever the pool."""

    @abstractmethod
    def load_states(self, states: Sequence[dict[str, Any]]) -> None:
        """Go on from what `states` gave."""

    @abstractmethod
    def render(self, row: int, width: int, height: int) -> np.ndarray:
        """uint8 [height, width, 3] of one."""

    @abstractmethod
    def check_rendering(self) -> None:
        """WmzooError where `render` is impossible."""

    @abstractmethod
    def close(self) -> None:
        """Free what they hold, worker processes among it. A second time does nothing."""


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

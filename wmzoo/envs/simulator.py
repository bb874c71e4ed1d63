"""One copy of a task, in NumPy: what a suite has to provide."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from wmzoo.errors import RunFailed


class SimulationError(RunFailed):
    """A simulation that was rightly started became invalid."""


class Facts(NamedTuple):
    """What is the same for all copies of a task."""

    obs_dim: int
    act_dim: int
    control_timestep: float  # simulated seconds per agent step
    time_limit: int | None  # the task's own, in agent steps


class SimulatorStep(NamedTuple):
    """What one simulator returns for one agent step; the time limit is not its business."""

    obs: np.ndarray  # [O]
    reward: float
    terminated: bool
    truncated: bool  # the task itself cut the episode off, without ending it
    success: float | None


class Simulator(Protocol):
    """One copy of a task. It may share memory, a model say, with others that were made together with it."""

    facts: Facts

    def seed(self, seed: int) -> None:
        """Restart the random stream: the same seed gives the same episodes from here on."""

    def reset(self) -> np.ndarray:
        """Start an episode and return its first observation [O]."""

    def step(self, action: np.ndarray) -> SimulatorStep:
        """Advance by one agent step (the action repeat included); action float64 [A] in [-1, 1]."""

    def render(self, width: int, height: int) -> np.ndarray:
        """uint8 [height, width, 3]."""

    def check_rendering(self) -> None:
        """WmzooError where `render` is impossible."""

    def state(self) -> dict[str, Any]:
        """Everything needed to go on exactly: arrays, numbers, strings, lists and dicts."""

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave, in this or another process."""

    def close(self) -> None:
        """Free what it holds."""


# Makes so many copies of one task. Worker processes make their own, so it must be picklable: a partial of a module's
# function, or an object of a module's class. Where its module imports no torch they start in a third of the time.
MakeSimulators = Callable[[int], Sequence[Simulator]]


class ActionRange:
    """The linear map of [-1, 1] onto a task's own range.

    A dimension without finite bounds (an unlimited actuator) takes the action itself. For the range [-1, 1]
    the map is exactly the identity.
    """

    def __init__(self, low: np.ndarray, high: np.ndarray) -> None:
        bounded = np.isfinite(low) & np.isfinite(high)
        self._low = np.where(bounded, low, -1.0).astype(np.float64)
        self._high = np.where(bounded, high, 1.0).astype(np.float64)
        self._middle = (self._low + self._high) / 2
        self._half = (self._high - self._low) / 2

    def native(self, action: np.ndarray) -> np.ndarray:
        """float64 [..., A] within the task's range."""
        inside: np.ndarray = np.minimum(np.maximum(self._middle + self._half * action, self._low), self._high)
        return inside

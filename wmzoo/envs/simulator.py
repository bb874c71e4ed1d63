"""One copy of a task, in NumPy: what a suite has to provide."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from wmzoo.errors import RunFailed, WmzooError


class SimulationError(RunFailed):
    """A simulation that was rightly started became invalid."""


class CannotGoOn(WmzooError):
    """A saved state cannot be brought back; a new episode can begin in its place."""


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
        """Everything needed to go on exactly: arrays, numbers, strings, lists and dicts.

        One that cannot tell everything gives {"anew": a seed, "why": what it cannot tell}: whoever loads that has to
        start an episode. `anew` alone may be beside a whole state, for a `load_state` that raises CannotGoOn.
        """

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave, in this or another process; of `anew` alone take the seed."""

    def close(self) -> None:
        """Free what it holds."""


# Makes so many copies of one task. Worker processes make their own, so it must be picklable: a partial of a module's
# function, or an object of a module's class. Where its module imports no torch they start in a third of the time.
MakeSimulators = Callable[[int], Sequence[Simulator]]


# From here on a bound means that there is none: dm_control writes 1e10 where an actuator is unlimited, others the
# largest number of float32 or int32. Nothing is driven by numbers of that size.
UNLIMITED = 1e9


class RawSteps:
    """How many raw steps an agent step takes: `repeat`, and fewer where the episode's own end comes before.

    limit: raw steps of an episode, from one reset to the next; None where the batch alone ends episodes.
    """

    def __init__(self, repeat: int, limit: int | None) -> None:
        self.repeat, self.limit = repeat, limit
        self.taken = 0  # in the running episode

    def next(self) -> int:
        """Those of the agent step that begins now."""
        left = self.repeat if self.limit is None else max(self.limit - self.taken, 1)
        steps = min(self.repeat, left)
        self.taken += steps
        return steps


def own_limit(raw_steps: int | None, repeat: int, episode_length: int | None) -> int | None:
    """The task's time limit in raw steps, or None where `episode_length`, in agent steps, asks for longer episodes."""
    if raw_steps is None or (episode_length is not None and episode_length > math.ceil(raw_steps / repeat)):
        return None
    return raw_steps


class ActionRange:
    """The map of [-1, 1] onto a task's own range: linear where it has two bounds.

    A dimension that lacks a bound takes the action itself, clipped to the bound that there is. For the range [-1, 1]
    the map is exactly the identity.

    low, high: [A].  task: its name, for errors.  Raises WmzooError for a dimension in which all actions come to the
    same: one of width zero, or one whose single bound lies where no action reaches.
    """

    def __init__(self, low: np.ndarray, high: np.ndarray, task: str = "the task") -> None:
        low, high = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
        self._low = np.where(low <= -UNLIMITED, -np.inf, low)
        self._high = np.where(high >= UNLIMITED, np.inf, high)
        bounded = np.isfinite(self._low) & np.isfinite(self._high)
        from_, to = np.where(bounded, self._low, -1.0), np.where(bounded, self._high, 1.0)
        self._middle, self._half = (from_ + to) / 2, (to - from_) / 2
        least, most = (self.native(np.full(low.shape, end)) for end in (-1.0, 1.0))
        for index in np.flatnonzero(~(least < most))[:1]:  # NaN and reversed bounds among them
            raise WmzooError(
                f"{task}: action {index} of {low.size} (from 0) has the range [{low[index]:g}, {high[index]:g}], of "
                f"which actions from -1 to 1 reach one value at most: give it bounds that differ, or leave it out"
            )

    def native(self, action: np.ndarray) -> np.ndarray:
        """float64 [..., A] within the task's range."""
        inside: np.ndarray = np.minimum(np.maximum(self._middle + self._half * action, self._low), self._high)
        return inside

    def unit(self, native: np.ndarray) -> np.ndarray:
        """float64 [..., A]: the actions that `native` makes these of; where they are clipped, beyond [-1, 1]."""
        return (np.asarray(native, dtype=np.float64) - self._middle) / self._half

"""What tasks of the DeepMind control suite have in common: nothing ends them, the reward is one of the new state."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from dm_control.utils import rewards

from wmzoo.envs.array_tasks.base import ArrayTask, Bools, Floats, Rows


class DmcArrayTask(ArrayTask):
    """A task of the suite."""

    def __init__(self, simulator: Any) -> None:
        self.task, self.model = simulator.task, simulator.model

    @abstractmethod
    def reward(self, now: Rows, actions: Floats) -> Floats:
        """[B]"""

    def judge(self, before: Rows, now: Rows, actions: Floats) -> tuple[Floats, Bools]:
        return self.reward(now, actions), np.zeros(len(actions), dtype=bool)


def tolerance(values: Floats, bounds: tuple[float, float] = (0, 0), **shape: Any) -> Floats:
    """dm_control's, of every number: 1 within the bounds, less outside of them."""
    inside: Floats = rewards.tolerance(values, bounds, **shape)
    return inside


def small_control(actions: Floats) -> Floats:
    """[B], from 4/5 for full torques to 1 for none."""
    each = tolerance(actions, margin=1, value_at_margin=0, sigmoid="quadratic")
    small: Floats = (each.mean(axis=1) + 4) / 5
    return small

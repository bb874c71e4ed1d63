"""What dm_control needs for the tasks of one domain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from dm_control.rl.control import Environment


@dataclass(frozen=True)
class CustomDomain:
    """A body and the tasks that it is given.

    physics: compiles the model.  tasks: by name, made from a seed or a RandomState.  time_limit: seconds of an
    episode, 1000 control steps everywhere.  control_timestep: seconds; None for the model's own time step.
    """

    physics: Callable[[], Any]
    tasks: Mapping[str, Callable[[int | np.random.RandomState | None], Any]]
    time_limit: float
    control_timestep: float | None = None

    def load(self, task: str, random: int | np.random.RandomState | None) -> Environment:
        """A new environment of `task`, which draws from `random`."""
        return Environment(self.physics(), self.tasks[task](random), self.time_limit, self.control_timestep)

"""The 30 dm_control tasks of MT30 as dm_control's own environments: 19 of the suite, 11 custom."""

from __future__ import annotations

from typing import Any

import numpy as np

from wmzoo.envs import dmc_tasks
from wmzoo.envs.task_sets import MT30, find

TASKS: tuple[str, ...] = tuple(task.name for task in MT30)  # in the order of their embeddings


def load(name: str, seed: int | np.random.RandomState | None = None) -> Any:
    """The dm_control environment of one of TASKS ("cheetah-jump"), whose episodes `seed` determines.

    It is the raw one: actions in the actuators' own ranges, 1000 control steps an episode, an observation dict.
    WmzooError with near matches for an unknown name.
    """
    return dmc_tasks.load(*dmc_tasks.find(find(name, MT30).name), random=seed)

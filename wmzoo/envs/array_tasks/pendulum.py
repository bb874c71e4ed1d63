"""pendulum-swingup: a pole on a hinge with a weak motor."""

from __future__ import annotations

import numpy as np
from dm_control.suite.pendulum import _COSINE_BOUND

from wmzoo.envs.array_tasks.base import Floats, Rows
from wmzoo.envs.array_tasks.dmc import DmcArrayTask, tolerance


class Pendulum(DmcArrayTask):
    """The reward is 1 within 8 degrees of the vertical."""

    rollout_from = 64

    def observe(self, now: Rows) -> Floats:
        angle = now["qpos"]
        return np.concatenate([np.cos(angle), np.sin(angle), now["qvel"]], axis=1)

    def reward(self, now: Rows, actions: Floats) -> Floats:
        upright = tolerance(np.cos(now["qpos"][:, 0]), (_COSINE_BOUND, 1))
        return upright


TASKS = {"pendulum-swingup": Pendulum}

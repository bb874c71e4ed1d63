"""point_mass-easy: a mass in a plane that is to come to rest in the middle.

Not point_mass-hard, whose resets draw the directions in which the actuators pull: they are a part of the physics.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wmzoo.envs.array_tasks.base import Floats, Rows
from wmzoo.envs.array_tasks.dmc import DmcArrayTask, small_control, tolerance


class PointMass(DmcArrayTask):
    """qpos is the place of the mass, in metres."""

    rollout_from = 256

    def __init__(self, simulator: Any) -> None:
        super().__init__(simulator)
        target = simulator.physics.model.name2id("target", "geom")
        mass = simulator.physics.model.name2id("pointmass", "geom")
        self._size = float(self.model.geom_size[target, 0])
        start = self.model.body_pos[self.model.geom_bodyid[mass]] + self.model.geom_pos[mass]  # where qpos is 0
        self._way = self.model.geom_pos[target] - start

    def observe(self, now: Rows) -> Floats:
        return np.concatenate([now["qpos"], now["qvel"]], axis=1)

    def reward(self, now: Rows, actions: Floats) -> Floats:
        flat, height = self._way[:2] - now["qpos"], np.full((len(actions), 1), self._way[2])
        distance = np.linalg.norm(np.concatenate([flat, height], axis=1), axis=1)
        near = tolerance(distance, bounds=(0, self._size), margin=self._size)
        return near * small_control(actions)


TASKS = {"point_mass-easy": PointMass}

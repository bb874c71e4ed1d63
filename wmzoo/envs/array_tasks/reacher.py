"""reacher-*: two links in a plane whose finger is to touch a target, which a reset places."""

from __future__ import annotations

from typing import Any

import numpy as np

from wmzoo.envs.array_tasks.base import Floats, Rows
from wmzoo.envs.array_tasks.dmc import DmcArrayTask


class Reacher(DmcArrayTask):
    """The reward is 1 while finger and target overlap. Nothing collides, so the target is no part of the physics."""

    rollout_from = 256
    drawn = ("geom_pos",)

    def __init__(self, simulator: Any) -> None:
        super().__init__(simulator)
        names = simulator.physics.model.name2id
        self._target = names("target", "geom")
        self._radii = self.task._target_size + self.model.geom_size[names("finger", "geom"), 0]
        self._links = [self.model.body_pos[names(body, "body")][0] for body in ("hand", "finger")]  # lengths

    def observe(self, now: Rows) -> Floats:
        return np.concatenate([now["qpos"], self._to_target(now), now["qvel"]], axis=1)

    def reward(self, now: Rows, actions: Floats) -> Floats:
        touching: Floats = (np.linalg.norm(self._to_target(now), axis=1) <= self._radii).astype(np.float64)
        return touching

    def _to_target(self, now: Rows) -> Floats:
        """From the finger to the target, [B, 2] in metres."""
        angles = np.cumsum(now["qpos"], axis=1)
        finger = np.stack([np.cos(angles) @ self._links, np.sin(angles) @ self._links], axis=1)
        vector: Floats = now["geom_pos"][:, self._target, :2] - finger
        return vector


TASKS = {"reacher-easy": Reacher, "reacher-hard": Reacher}

"""cartpole-*: a cart on a rail with one pole or several, hinged to one another."""

from __future__ import annotations

import numpy as np
from einops import rearrange

from wmzoo.envs.array_tasks.base import Floats, Rows
from wmzoo.envs.array_tasks.dmc import DmcArrayTask, small_control, tolerance


class Cartpole(DmcArrayTask):
    """Balance and swing-up, sparse or not. qpos is the cart's place and each pole's angle to the one before it."""

    rollout_from = 256

    def observe(self, now: Rows) -> Floats:
        upright, sideways = self._poles(now)
        poles = rearrange([upright, sideways], "component row pole -> row (pole component)")
        return np.concatenate([now["qpos"][:, :1], poles, now["qvel"]], axis=1)

    def reward(self, now: Rows, actions: Floats) -> Floats:
        cart, (upright, _) = now["qpos"][:, 0], self._poles(now)
        if self.task._sparse:
            inside = tolerance(cart, self.task._CART_RANGE)
            standing: Floats = inside * tolerance(upright, self.task._ANGLE_COSINE_RANGE).prod(axis=1)
            return standing
        centered = (1 + tolerance(cart, margin=2)) / 2
        slow = (1 + tolerance(now["qvel"][:, 1:], margin=5).min(axis=1)) / 2
        swung: Floats = ((upright + 1) / 2).mean(axis=1) * small_control(actions) * slow * centered
        return swung

    @staticmethod
    def _poles(now: Rows) -> tuple[Floats, Floats]:
        """Cosines and sines [B, poles] of the poles' angles to the vertical."""
        angles = np.cumsum(now["qpos"][:, 1:], axis=1)
        return np.cos(angles), np.sin(angles)


TASKS = {
    f"cartpole-{name}": Cartpole
    for name in ("balance", "balance_sparse", "swingup", "swingup_sparse", "two_poles", "three_poles")
}

"""Mean squared error between predicted and encoded latents: PWM's and TD-MPC2's consistency loss."""

from __future__ import annotations

from torch import Tensor

from wmzoo.dynamics.base import Dynamics
from wmzoo.losses.base import DynamicsLoss, LatentRollout, discounted_sum, unroll


class MSELoss(DynamicsLoss):
    """ℓ_t = mean over batch and units of (z_{t+1} − E(obs_{t+1}))². With a flow: a neural ODE trained end to end."""

    def rollout(
        self,
        dynamics: Dynamics,
        z0: Tensor,
        actions: Tensor,
        targets: Tensor,
        discount: float,
        task_emb: Tensor | None = None,
    ) -> LatentRollout:
        zs = unroll(dynamics, z0, actions, task_emb)
        return LatentRollout(zs, discounted_sum((zs[1:] - targets).square(), discount), {})

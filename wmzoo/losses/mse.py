"""Mean squared error between predicted and encoded latents: PWM's and TD-MPC2's consistency loss."""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor

from wmzoo.dynamics.base import Dynamics
from wmzoo.losses.base import DynamicsLoss, LatentRollout, discounted_sum, spread


class MSELoss(DynamicsLoss):
    """ℓ_t = w_r mean (z_{t+1} − z*)² + w_s mean (F(e_t, a_t) − z*)², means over rows and units, z* = E(obs_{t+1}).

    The first term is of the rollout: with a flow, a neural ODE trained end to end. The second, off by default, is of
    single steps from encoded observations, e_0 = z_0 and e_t = E(obs_t) without gradient: flows may learn from them,
    too (`encoded` of PathLoss), so that this is the control of what they do there.

    Args:
        rollout_weight, single_step_weight: w_r and w_s.
        rows: share of the batch from which single steps are taken.
    """

    def __init__(self, rollout_weight: float = 1.0, single_step_weight: float = 0.0, rows: float = 1.0) -> None:
        if min(rollout_weight, single_step_weight) < 0 or not rollout_weight + single_step_weight > 0:
            raise ValueError("loss.rollout_weight and single_step_weight are 0 or more, and not both 0")
        if not 0 < rows <= 1:
            raise ValueError(f"loss.rows is a share above 0, up to 1, not {rows}")
        self.rollout_weight, self.single_step_weight, self.rows = rollout_weight, single_step_weight, rows

    def rollout(
        self,
        dynamics: Dynamics,
        z0: Tensor,
        actions: Tensor,
        targets: Tensor,
        discount: float,
        task_emb: Tensor | None = None,
        weights: Tensor | None = None,
    ) -> LatentRollout:
        zs = dynamics.unroll(z0, actions, task_emb)
        loss = self.rollout_weight * discounted_sum((zs[1:] - targets).square(), discount, weights)
        if self.single_step_weight:
            rows = spread(actions.shape[1], self.rows, actions.device)
            encoded = torch.cat([z0.unsqueeze(0), targets[:-1]])[:, rows]
            embedded = None if task_emb is None else task_emb[rows].repeat(len(actions), 1)
            reached = dynamics.rollout_step(encoded.flatten(0, 1), actions[:, rows].flatten(0, 1), embedded)
            by_step = rearrange(reached, "(step row) latent -> step row latent", step=len(actions))
            errors, chosen = (by_step - targets[:, rows]).square(), None if weights is None else weights[rows]
            loss = loss + self.single_step_weight * discounted_sum(errors, discount, chosen)
        return LatentRollout(zs, loss, {})

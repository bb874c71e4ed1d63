"""What the losses of stochastic dynamics share: single steps from observations, beside rollouts of the mean."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from wmzoo.dynamics.base import Dynamics, StochasticDynamics
from wmzoo.losses.base import DynamicsLoss, LatentRollout, discounted_sum


class ChanceLoss(DynamicsLoss):
    """ℓ_t = w_r mean (ẑ_{t+1} − z*)² + w_s mean e(e_t, a_t, z*): of a rollout of `mean_step` from z_0, and of the
    distribution of single steps from observations, e_0 = z_0 and e_t = E(obs_t) without gradient, z* = E(obs_{t+1}).

    A sample of the rollout cannot be held against what happened, since it may be another future. The reward head learns
    on the encoded latents, which is what samples are meant to look like.

    Args:
        rollout_weight, step_weight: w_r and w_s. There is no rollout for a dynamics whose `mean_step` has no weights of
            its own (`StochasticDynamics.learns_mean`).
    """

    def __init__(
        self, rollout_weight: float = 0.0, step_weight: float = 1.0, generator: torch.Generator | None = None
    ) -> None:
        if rollout_weight < 0 or step_weight <= 0:
            raise ValueError("loss.rollout_weight is 0 or more, loss.step_weight above 0")
        self.rollout_weight, self.step_weight, self.generator = rollout_weight, step_weight, generator

    @abstractmethod
    def errors(self, dynamics: Dynamics, z: Tensor, a: Tensor, target: Tensor, task_emb: Tensor | None) -> Tensor:
        """What counts, ≥ 0, of single steps from z[H,B,D] under a[H,B,A] to target[H,B,D], by unit: [H,B,·]."""

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
        encoded = torch.cat([z0.unsqueeze(0), targets])
        embedded = None if task_emb is None else task_emb.expand(len(actions), -1, -1)
        errors = self.errors(dynamics, encoded[:-1], actions, targets, embedded)
        assert isinstance(dynamics, StochasticDynamics), "`errors` refuses others"
        loss = self.step_weight * discounted_sum(errors, discount, weights)
        if self.rollout_weight and dynamics.learns_mean:
            zs = dynamics.unroll(z0, actions, task_emb)
            loss = loss + self.rollout_weight * discounted_sum((zs[1:] - targets).square(), discount, weights)
        return LatentRollout(encoded, loss, {})

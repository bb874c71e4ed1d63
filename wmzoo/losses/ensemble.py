"""The squared error of every member of an ensemble."""

from __future__ import annotations

import torch
from torch import Tensor

from wmzoo.dynamics.base import Dynamics, MembersDynamics
from wmzoo.losses.base import DynamicsLoss, LatentRollout, discounted_sum, lacking


class EnsembleLoss(DynamicsLoss):
    """ℓ_t = mean over members, rows and units of (z_m − z*)², z_m = F_m(ẑ_t, a_t), along the rollout of their mean,
    ẑ_{t+1} = mean_m z_m; z* = E(obs_{t+1}). By one product for all members, and by the same batch: what tells them
    apart is where they started (Lakshminarayanan et al., Deep Ensembles, arXiv 1612.01474).

    Its figure `disagreement` is the standard deviation over members, root mean square over rows, units and steps.
    """

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
        if not isinstance(dynamics, MembersDynamics):
            raise TypeError(lacking(dynamics, "ensemble", "members"))
        zs, members = [z0], []
        for action in actions:
            members.append(dynamics.members(zs[-1], action, task_emb))
            zs.append(members[-1].mean(0))
        predicted = torch.stack(members)  # [H,M,B,D]
        by_row = (predicted - targets.unsqueeze(1)).square().movedim(2, 1)
        loss = discounted_sum(by_row, discount, weights)
        disagreement = predicted.detach().var(1, correction=0).mean().sqrt()
        return LatentRollout(torch.stack(zs), loss, {"disagreement": disagreement})

"""The angle between predicted and encoded latent."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from wmzoo.dynamics.base import Dynamics
from wmzoo.losses.terms import RolloutTerm


class CosineLoss(RolloutTerm):
    """ℓ_t = mean over rows of 1 − cos(ẑ, z*), of 0 to 2: temporal consistency as in TCRL (Zhao et al.,
    arXiv 2306.09466). Computed as half the squared distance of the unit vectors, which is exact near 0."""

    def errors(
        self, dynamics: Dynamics, zs: Tensor, actions: Tensor, targets: Tensor, task_emb: Tensor | None = None
    ) -> Tensor:
        return (F.normalize(zs[1:], dim=-1) - F.normalize(targets, dim=-1)).square().sum(-1) / 2

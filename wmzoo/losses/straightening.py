"""A penalty on how a rollout bends."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from wmzoo.dynamics.base import Dynamics
from wmzoo.losses.terms import RolloutTerm


class StraighteningLoss(RolloutTerm):
    """ℓ_t = mean over rows of 1 − cos(z_{t+1} − z_t, z_t − z_{t−1}), ℓ_0 = 0: successive steps of the predicted rollout
    go the same way (temporal straightening: Hénaff, Goris, Simoncelli, Nature Neuroscience 22, 2019). A regulariser, to
    be added to a loss that says where the rollout leads."""

    def errors(
        self, dynamics: Dynamics, zs: Tensor, actions: Tensor, targets: Tensor, task_emb: Tensor | None = None
    ) -> Tensor:
        steps = zs[1:] - zs[:-1]
        bends = 1 - F.cosine_similarity(steps[1:], steps[:-1], dim=-1)
        return torch.cat([torch.zeros_like(steps[:1, :, 0]), bends])

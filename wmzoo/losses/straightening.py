"""A penalty on how a rollout bends."""

from __future__ import annotations

import torch
from torch import Tensor

from wmzoo.dynamics.base import Dynamics
from wmzoo.losses.terms import RolloutTerm

LEAST = 1e-4  # the length f where nothing that was observed moves


class StraighteningLoss(RolloutTerm):
    """ℓ_t = mean over rows of w_t w_{t−1} (1 − cos(s_t, s_{t−1})), s_t = z_{t+1} − z_t, ℓ_0 = 0: successive steps of
    the predicted rollout go the same way (temporal straightening: Hénaff, Goris, Simoncelli, Nature Neuroscience 22,
    2019). A regulariser, to be added to a loss that says where the rollout leads.

    A step that is no step has no direction, and the cosine's gradient grows as 1/‖s‖: each counts by
    w = ‖s‖ / √(‖s‖² + f²), f = `floor` · RMS ‖z*_{t+1} − z*_t‖ over the batch. So no gradient by a step is longer than
    2/f, and a rollout that stands still, as every residual dynamics' first does, costs nothing and has none.

    Args:
        floor: f, in observed steps.
    """

    def __init__(self, floor: float = 0.1) -> None:
        if not floor > 0:
            raise ValueError(f"loss.floor is above 0, not {floor}")
        self.floor = floor

    def errors(
        self, dynamics: Dynamics, zs: Tensor, actions: Tensor, targets: Tensor, task_emb: Tensor | None = None
    ) -> Tensor:
        observed = (targets[1:] - targets[:-1]).square().sum(-1)
        typical = observed.sum() / max(observed.numel(), 1)  # a rollout of one step has none, and bends nowhere
        square = (self.floor**2 * typical).clamp_min(LEAST**2)
        steps = zs[1:] - zs[:-1]
        lengths = torch.linalg.vector_norm(steps, dim=-1)
        weighted = (lengths.square() + square).sqrt()
        bends = (lengths[1:] * lengths[:-1] - (steps[1:] * steps[:-1]).sum(-1)).clamp_min(0)  # but for rounding
        return torch.cat([torch.zeros_like(lengths[:1]), bends / (weighted[1:] * weighted[:-1])])

"""The cross-entropy between the simplices of a predicted and of an encoded latent."""

from __future__ import annotations

from torch import Tensor

from wmzoo.dynamics.base import Dynamics
from wmzoo.losses.terms import RolloutTerm

SMALLEST = 1e-6  # what an entry counts at least


class CrossEntropyLoss(RolloutTerm):
    """ℓ_t = mean over rows and units of z* (log z* − log ẑ): per simplex −Σ z* log ẑ, less the entropy of z*, which no
    prediction changes, so that a perfect one has none. Each simplex counts as a distribution, as DreamerV3's latents
    (arXiv 2301.04104) are; an error of a small entry weighs more than it does in a squared error."""

    def errors(
        self, dynamics: Dynamics, zs: Tensor, actions: Tensor, targets: Tensor, task_emb: Tensor | None = None
    ) -> Tensor:
        return targets * (targets.clamp_min(SMALLEST).log() - zs[1:].clamp_min(SMALLEST).log())

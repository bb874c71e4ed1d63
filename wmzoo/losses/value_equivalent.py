"""A prediction is as good as the value that it has."""

from __future__ import annotations

from torch import Tensor

from wmzoo.dynamics.base import Dynamics
from wmzoo.losses.terms import RolloutTerm


class ValueEquivalentLoss(RolloutTerm):
    """ℓ_t = mean over rows and critics of (V(ẑ) − V(z*))²: what two latents have in common as far as the critics see
    (Grimm et al., "The Value Equivalence Principle", arXiv 2011.03506). The gradient is the model's; critics get none.
    Without critics, as in trainer=pretrain, there is no such loss."""

    def errors(
        self, dynamics: Dynamics, zs: Tensor, actions: Tensor, targets: Tensor, task_emb: Tensor | None = None
    ) -> Tensor:
        if self.value is None:
            raise TypeError("the value_equivalent loss needs critics, which this training does not have")
        return (self.value(zs[1:]) - self.value(targets)).square().movedim(0, -1)

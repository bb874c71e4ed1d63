"""A prediction is as good as the value that it has."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from wmzoo.dynamics.base import Dynamics
from wmzoo.errors import WmzooError
from wmzoo.losses.terms import RolloutTerm


class ValueEquivalentLoss(RolloutTerm):
    """ℓ_t = mean over rows and critics of (V(ẑ) − V(z*))²: what two latents have in common as far as the critics see
    (Grimm et al., "The Value Equivalence Principle", arXiv 2011.03506). The gradient is the model's; critics get none.
    Without critics, as in trainer=pretrain, there is no such loss."""

    def check(self, dynamics: Dynamics) -> None:
        self._value()

    def errors(
        self, dynamics: Dynamics, zs: Tensor, actions: Tensor, targets: Tensor, task_emb: Tensor | None = None
    ) -> Tensor:
        value = self._value()
        return (value(zs[1:]) - value(targets)).square().movedim(0, -1)

    def _value(self) -> Callable[[Tensor], Tensor]:
        if self.value is None:
            instead = "trainer=online has them, and loss=mse needs none"
            raise WmzooError(f"the value_equivalent loss needs critics, which this training does not have: {instead}")
        return self.value

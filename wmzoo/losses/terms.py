"""Losses that look at a finished rollout: alone they are one, added to another they are a part of it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from wmzoo.dynamics.base import Dynamics
from wmzoo.losses.base import DynamicsLoss, LatentRollout, discounted_sum


class RolloutTerm(DynamicsLoss):
    """A loss whose ℓ_t are figures of the rollout's latents, whoever made the rollout."""

    @abstractmethod
    def errors(
        self, dynamics: Dynamics, zs: Tensor, actions: Tensor, targets: Tensor, task_emb: Tensor | None = None
    ) -> Tensor:
        """What counts of zs[H+1,B,D] at each step, 0 or more on average: [H,B,…], of which means are taken; a
        regulariser's may be of fewer rows."""

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
        errors = self.errors(dynamics, zs, actions, targets, task_emb)
        return LatentRollout(zs, discounted_sum(errors, discount, weights), {})


class SumLoss(DynamicsLoss):
    """A loss and weighted terms on the rollout that it made: ℓ = ℓ_main + Σ w_i ℓ_i (`loss.add`).

    Each term is a figure of the metrics by its name, unweighted, and so is the main loss. Weights of rows are the main
    loss's.
    """

    def __init__(self, main: DynamicsLoss, terms: Sequence[tuple[str, float, RolloutTerm]]) -> None:
        self.main, self.terms = main, tuple(terms)
        self.generator, self.fades, self.all_times = main.generator, main.fades, main.all_times

    @property
    def takes_weights(self) -> bool:
        return self.main.takes_weights

    def trained_times(self, dynamics: Dynamics) -> tuple[float, ...] | None:
        return self.main.trained_times(dynamics)

    def check(self, dynamics: Dynamics) -> None:
        for part in (self.main, *(term for _, _, term in self.terms)):
            part.check(dynamics)

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
        rollout = self.main.weighed(weights)
        zs, loss, figures = rollout(dynamics, z0, actions, targets, discount, task_emb)
        figures = {**figures, "loss/main": loss}
        for name, weight, term in self.terms:
            figures[f"loss/{name}"] = discounted_sum(term.errors(dynamics, zs, actions, targets, task_emb), discount)
            loss = loss + weight * figures[f"loss/{name}"]
        return LatentRollout(zs, loss, {name: torch.as_tensor(figure).detach() for name, figure in figures.items()})

"""A penalty on what a rollout should keep and does not."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from wmzoo.dynamics.base import Dynamics
from wmzoo.errors import WmzooError, check_known
from wmzoo.losses.base import lacking
from wmzoo.losses.terms import RolloutTerm

FLOOR = 1e-6  # of the greatest variance: in directions with less, latents do not differ


class ConservationLoss(RolloutTerm):
    """ℓ_t = mean over rows and invariants of (I(z_{t+1}) − I(z_t))², for what should be the same along the rollout.

    `learned`: I are the `count` linear figures of the latent that change least along what was observed, in units of
    their spread over the batch: w with the least wᵀ E[Δ Δᵀ] w / wᵀ Cov(z) w, Δ = z*_{t+1} − z*_t, found anew in every
    batch (slow feature analysis: Wiskott, Sejnowski, Neural Computation 14, 2002), among the directions in which
    latents differ: the sum of a simplex, which never changes, says nothing. The gradient is the prediction's.
    `energy`: the dynamics' own, as that of port_hamiltonian, which loses some by friction and gets some by actions.

    Args:
        invariant: learned | energy.
        count: how many are learned.
    """

    def __init__(self, invariant: str = "learned", count: int = 4) -> None:
        check_known("loss.invariant", invariant, ("learned", "energy"))
        if count < 1:
            raise ValueError(f"loss.count is 1 or more, not {count}")
        self.invariant, self.count = invariant, count

    def check(self, dynamics: Dynamics) -> None:
        if self.invariant == "energy":
            _energy(dynamics)

    def errors(
        self, dynamics: Dynamics, zs: Tensor, actions: Tensor, targets: Tensor, task_emb: Tensor | None = None
    ) -> Tensor:
        if self.invariant == "learned":
            figures: Tensor = slowest(torch.cat([zs[:1], targets]), self.count)
            kept = zs @ figures
        else:
            kept = _energy(dynamics)(zs, task_emb).unsqueeze(-1)
        return (kept[1:] - kept[:-1]).square()


def _energy(dynamics: Dynamics) -> Callable[..., Tensor]:
    """The dynamics' own; WmzooError for one without."""
    energy: Callable[..., Tensor] | None = getattr(dynamics, "energy", None)
    if energy is None:
        instead = "dynamics=port_hamiltonian has it, and invariant: learned needs none"
        raise WmzooError(f"{lacking(dynamics, 'conservation', 'energy')}: {instead}")
    return energy


@torch.compiler.disable  # type: ignore[untyped-decorator]  # how many directions there are, the batch decides
@torch.no_grad()
def slowest(z: Tensor, count: int) -> Tensor:
    """Of z[H+1,B,D] the directions w[D,count] with the least wᵀ E[Δ Δᵀ] w at wᵀ Cov(z) w = 1, in the space in which z
    differs at all. WmzooError where that has fewer dimensions than `count`."""
    points, steps = z.flatten(0, 1).double(), (z[1:] - z[:-1]).flatten(0, 1).double()
    centred = points - points.mean(0)
    spread, directions = torch.linalg.eigh(centred.T @ centred / len(centred))
    differing = spread > FLOOR * spread[-1]
    rank = int(differing.sum())
    if count > rank:
        raise WmzooError(f"loss conservation: count={count}, but this batch's latents differ in {rank} directions")
    whiten = directions[:, differing] / spread[differing].sqrt()
    moved = steps @ whiten
    _, slow = torch.linalg.eigh(moved.T @ moved / len(moved))
    found: Tensor = (whiten @ slow[:, :count]).to(z)
    return found

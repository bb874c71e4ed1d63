"""A penalty on how steep a latent step is."""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor

from wmzoo.dynamics.base import Dynamics
from wmzoo.losses.base import spread
from wmzoo.losses.terms import RolloutTerm
from wmzoo.nets.functional import twice_differentiable


class JacobianLoss(RolloutTerm):
    """ℓ_t = mean over rows of ‖∂z′/∂z‖²_F / D at the rollout's latents, which count as constants.

    "No change" has about 1, since what leaves the simplices is brought back: with V entries a simplex 1 − 1/V in
    latents, and 1 − 2/V + Σ_i z_i², the mean over simplices, in logits and on the sphere. z′ is `rollout_step` from
    each of these latents: of a dynamics that remembers where its rollout began, as `actions`, the first step alone.

    By one product with v ~ N(0, I) per row, E ‖Jᵀv‖² = ‖J‖²_F (Hutchinson, Communications in Statistics 18, 1989;
    Hoffman, Roberts, Yaida, arXiv 1908.02729). Added to another loss it makes the unrolled model smoother without a
    change of architecture.

    Args:
        rows: share of the batch on which it is measured.
    """

    def __init__(self, rows: float = 0.25, generator: torch.Generator | None = None) -> None:
        if not 0 < rows <= 1:
            raise ValueError(f"loss.rows is a share above 0, up to 1, not {rows}")
        self.rows, self.generator = rows, generator

    def errors(
        self, dynamics: Dynamics, zs: Tensor, actions: Tensor, targets: Tensor, task_emb: Tensor | None = None
    ) -> Tensor:
        rows = spread(actions.shape[1], self.rows, actions.device)
        v = self.drawn(torch.randn, (len(actions),), actions.shape[1], zs.shape[-1], zs)[:, rows]
        with torch.enable_grad(), twice_differentiable():
            z = zs[:-1, rows].detach().flatten(0, 1).requires_grad_()
            embedded = None if task_emb is None else task_emb[rows].repeat(len(actions), 1)
            reached = dynamics.rollout_step(z, actions[:, rows].flatten(0, 1), embedded)
            (product,) = torch.autograd.grad(reached, z, v.flatten(0, 1), create_graph=True)
        squares: Tensor = rearrange(product.square(), "(step row) latent -> step row latent", row=len(rows))
        return squares

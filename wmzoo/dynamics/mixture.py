"""Experts of which each latent and action asks a few: for many tasks in one model."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from wmzoo.dynamics.base import join
from wmzoo.dynamics.coordinates import coordinates
from wmzoo.dynamics.residual import ResidualDynamics
from wmzoo.nets.blocks import init_linear
from wmzoo.nets.members import Members


class MixtureDynamics(ResidualDynamics):
    """f = Σ_{e ∈ top} g_e f_e(x), x = [z, a, task], with g the softmax over the `top` largest of the gate's logits W x
    (Shazeer et al., arXiv 1701.06538).

    All experts are computed, as one batched product, and those not asked count nothing: at this size that is faster
    than to sort rows by expert, and a row's prediction does not depend on its neighbours, as it does where experts
    have a capacity. There is no loss that balances them.

    Args:
        units: of each expert.
        coordinates, retract: as in FlowDynamics.
    """

    def __init__(
        self,
        *,
        latent_dim: int,
        action_dim: int,
        task_dim: int = 0,
        units: Sequence[int] = (128, 128),
        experts: int = 4,
        top: int = 2,
        coordinates: str = "logit",
        retract: str = "project",
        activation: str = "silu",
        simnorm_dim: int = 8,
    ) -> None:
        super().__init__()
        if not 1 <= top <= experts:
            raise ValueError(f"dynamics.top is from 1 to dynamics.experts={experts}, not {top}")
        self.coordinates, self.top = _coordinates(coordinates, simnorm_dim, retract), top
        inputs = latent_dim + action_dim + task_dim
        self.gate = nn.Linear(inputs, experts).apply(init_linear)
        self.experts = Members(experts, inputs, units, latent_dim, activation)

    def shares(self, x: Tensor) -> Tensor:
        """g[..., experts] of x[..., D+A+E]: `top` of them above zero, their sum 1."""
        logits: Tensor = self.gate(x)
        best = logits.topk(self.top, -1)
        return torch.zeros_like(logits).scatter(-1, best.indices, best.values.softmax(-1))

    def change(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None) -> Tensor:
        x = torch.cat(join(z, a, task_emb), -1)
        return torch.einsum("...e,e...d->...d", self.shares(x), self.experts(x))


_coordinates = coordinates  # the constructor's parameter of that name hides the function

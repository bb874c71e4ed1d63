"""Residual blocks with LayerNorm before them, which scale with width where plain stacks do not."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from wmzoo.dynamics.base import join
from wmzoo.dynamics.coordinates import coordinates
from wmzoo.dynamics.residual import ResidualDynamics
from wmzoo.nets.blocks import init_linear
from wmzoo.nets.residual import FeedForward


class SimbaDynamics(ResidualDynamics):
    """f = W LayerNorm(x_N), x_0 = W_in [z, a, task], x_{i+1} = x_i + W₂ act(W₁ LayerNorm(x_i)) (Lee et al., SimBa,
    arXiv 2410.09754); W starts at zero, so the first prediction is "no change".

    Args:
        units: inner widths, of one block each.
        expansion: the first of them is so many times the width of x.
        coordinates, retract: as in FlowDynamics.
    """

    def __init__(
        self,
        *,
        latent_dim: int,
        action_dim: int,
        task_dim: int = 0,
        units: Sequence[int] = (512, 512),
        expansion: int = 4,
        coordinates: str = "logit",
        retract: str = "project",
        activation: str = "silu",
        simnorm_dim: int = 8,
    ) -> None:
        super().__init__()
        if not units:
            raise ValueError("dynamics.units has no block")
        width = max(1, round(units[0] / expansion))
        self.coordinates = _coordinates(coordinates, simnorm_dim, retract)
        self.net = nn.Sequential(
            nn.Linear(latent_dim + action_dim + task_dim, width),
            *(FeedForward(width, inner, activation) for inner in units),
            nn.LayerNorm(width),
            nn.Linear(width, latent_dim),
        ).apply(init_linear)
        nn.init.zeros_(self.net[-1].weight)  # type: ignore[arg-type]

    def change(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None) -> Tensor:
        change: Tensor = self.net(torch.cat(join(z, a, task_emb), -1))
        return change


_coordinates = coordinates  # the constructor's parameter of that name hides the function

"""Attention between the simplices of a latent, the action and the task."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from einops import rearrange
from torch import Tensor, nn

from wmzoo.dynamics.base import join
from wmzoo.dynamics.coordinates import coordinates
from wmzoo.dynamics.residual import ResidualDynamics
from wmzoo.nets.blocks import init_linear
from wmzoo.nets.residual import FeedForward, SelfAttention, token_width


class TransformerDynamics(ResidualDynamics):
    """Each simplex of the latent is a token, [a, task] one more; blocks of self-attention and of a feed-forward layer,
    LayerNorm before each (Vaswani et al., arXiv 1706.03762; Xiong et al., arXiv 2002.04745); a simplex's last token
    gives its part of f, zero at first.

    Args:
        units: inner widths of the feed-forward layers, one a block.
        width: of the tokens; the heads divide it. None: see `token_width`.
        coordinates, retract: as in FlowDynamics.
    """

    def __init__(
        self,
        *,
        latent_dim: int,
        action_dim: int,
        task_dim: int = 0,
        units: Sequence[int] = (256, 256),
        width: int | None = None,
        heads: int = 4,
        coordinates: str = "logit",
        retract: str = "project",
        activation: str = "silu",
        simnorm_dim: int = 8,
    ) -> None:
        super().__init__()
        width = token_width(latent_dim, heads) if width is None else width
        self.coordinates, self.simnorm_dim = _coordinates(coordinates, simnorm_dim, retract), simnorm_dim
        self.embed, self.control = nn.Linear(simnorm_dim, width), nn.Linear(action_dim + task_dim, width)
        self.places = nn.Parameter(nn.init.trunc_normal_(torch.empty(latent_dim // simnorm_dim, width), std=0.02))
        blocks = [(SelfAttention(width, heads), FeedForward(width, inner, activation)) for inner in units]
        self.net = nn.Sequential(*(layer for block in blocks for layer in block), nn.LayerNorm(width))
        self.out = nn.Linear(width, simnorm_dim)
        self.apply(init_linear)
        nn.init.zeros_(self.out.weight)

    def change(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None) -> Tensor:
        simplices = self.embed(rearrange(z, "... (t v) -> ... t v", v=self.simnorm_dim)) + self.places
        control = self.control(torch.cat(join(a, task_emb), -1)).unsqueeze(-2)
        tokens = self.net(torch.cat([simplices, control], -2))[..., :-1, :]
        change: Tensor = rearrange(self.out(tokens), "... t v -> ... (t v)")
        return change


_coordinates = coordinates  # the constructor's parameter of that name hides the function

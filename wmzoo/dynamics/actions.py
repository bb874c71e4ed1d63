"""A dynamics that predicts from where a rollout began and the actions since: no latent is fed back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from wmzoo.dynamics.base import Dynamics, join
from wmzoo.dynamics.coordinates import coordinates
from wmzoo.nets.blocks import init_linear
from wmzoo.nets.residual import FeedForward, SelfAttention, token_width

LONGEST_WAVE = 10_000.0  # of the sinusoids that say how far into the rollout an action is


class Since(NamedTuple):
    """Where a rollout began, z[B,D], and the actions since [B,t,A]."""

    z: Tensor
    actions: Tensor


class ActionsDynamics(Dynamics):
    """z_{t+1} lands at y(z_0) + f(z_0, a_0 … a_t), where f is a causal transformer over the tokens z_0, a_0, a_1, …
    (Ma et al., "Do Transformer World Models Give Better Policy Gradients?", arXiv 2402.05290: an Actions World Model):
    a gradient of z_{t+1} by a_s runs through the attention between two tokens, not through the t − s latents between.

    `forward` is the first step of a rollout. The task is part of the first token.

    Args:
        units: inner widths of the feed-forward layers, one a block.
        width: of the tokens, even; the heads divide it. None: as in TransformerDynamics.
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
        if width % 2:
            raise ValueError(f"dynamics.width is even, not {width}")
        self.coordinates = _coordinates(coordinates, simnorm_dim, retract)
        self.first, self.action = nn.Linear(latent_dim + task_dim, width), nn.Linear(action_dim, width)
        blocks = [(SelfAttention(width, heads, causal=True), FeedForward(width, inner, activation)) for inner in units]
        self.net = nn.Sequential(*(layer for block in blocks for layer in block), nn.LayerNorm(width))
        self.out = nn.Linear(width, latent_dim)
        self.apply(init_linear)
        nn.init.zeros_(self.out.weight)

    def forward(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None) -> Tensor:
        return self.after(z, a.unsqueeze(-2), task_emb)[..., -1, :]

    def after(self, z: Tensor, actions: Tensor, task_emb: Tensor | None = None) -> Tensor:
        """The latents [B,H,D] after each of actions[B,H,A], begun at z[B,D]."""
        first = self.first(torch.cat(join(z, task_emb), -1)).unsqueeze(-2)
        tokens = torch.cat([first, self.action(actions) + _waves(actions.shape[-2], first)], -2)
        change = self.out(self.net(tokens)[..., 1:, :])
        return self.coordinates.land(self.coordinates.chart(z).unsqueeze(-2) + change)

    def begin(self, z: Tensor, task_emb: Tensor | None = None) -> Since:
        return Since(z, z.new_zeros(*z.shape[:-1], 0, self.action.in_features))

    def advance(
        self, state: Since, a: Tensor, task_emb: Tensor | None = None, noise: Tensor | None = None
    ) -> tuple[Tensor, Since]:
        since = Since(state.z, torch.cat([state.actions, a.unsqueeze(-2)], -2))
        return self.after(*since, task_emb)[..., -1, :], since

    def unroll(
        self, z0: Tensor, actions: Tensor, task_emb: Tensor | None = None, noise: Tensor | None = None
    ) -> Tensor:
        reached = self.after(z0, actions.movedim(0, -2), task_emb).movedim(-2, 0)
        return torch.cat([z0.unsqueeze(0), reached])


def _waves(count: int, like: Tensor) -> Tensor:
    """Sinusoids [count, width] of the places 0 … count − 1 (Vaswani et al., arXiv 1706.03762, 3.5)."""
    half = like.shape[-1] // 2
    rates = LONGEST_WAVE ** (-torch.arange(half, device=like.device, dtype=like.dtype) / half)
    angles = torch.arange(count, device=like.device, dtype=like.dtype).unsqueeze(-1) * rates
    return torch.cat([angles.sin(), angles.cos()], -1)


_coordinates = coordinates  # the constructor's parameter of that name hides the function

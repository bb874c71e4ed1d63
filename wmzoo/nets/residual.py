"""Blocks that add to what they get: pre-LayerNorm feed-forward layers, and attention between tokens."""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor, nn

from wmzoo.nets.blocks import activation


class FeedForward(nn.Module):
    """x + W₂ act(W₁ LayerNorm(x)): [..., width] -> [..., width], with `inner` units between."""

    def __init__(self, width: int, inner: int, act: str) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up, self.act, self.down = nn.Linear(width, inner), activation(act), nn.Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.down(self.act(self.up(self.norm(x))))
        return out


class SelfAttention(nn.Module):
    """x + W_o softmax(Q Kᵀ/√d) V of LayerNorm(x): tokens [..., T, width] -> [..., T, width].

    causal: a token sees itself and those before it. Written out, since PyTorch's fused attention has no second
    derivative.
    """

    def __init__(self, width: int, heads: int, causal: bool = False) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"{heads} heads do not divide a width of {width}")
        self.heads, self.causal = heads, causal
        self.norm, self.qkv, self.out = nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = rearrange(self.qkv(self.norm(x)), "... t (n h d) -> n ... h t d", n=3, h=self.heads)
        weights = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
        if self.causal:
            later = torch.ones(weights.shape[-2:], dtype=torch.bool, device=x.device).triu(1)
            weights = weights.masked_fill(later, float("-inf"))
        out: Tensor = self.out(rearrange(weights.softmax(-1) @ v, "... h t d -> ... t (h d)"))
        return x + out


def token_width(latent_dim: int, heads: int) -> int:
    """Three eighths of the latent's width, rounded down to a multiple of the heads, and at least a number for each."""
    return max(1, 3 * latent_dim // 8 // heads) * heads

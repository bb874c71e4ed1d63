"""The policy: a tanh-squashed Gaussian over actions, from the latent alone."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from wmzoo.nets.blocks import activation

INITIAL_LOG_STD = -1.0
MIN_LOG_STD = -1.427  # a std of 0.24: PWM's floor on exploration noise


class Actor(nn.Module):
    """a = tanh(μ(z) + σ ε) with a state-independent σ; blocks Linear → Mish → LayerNorm (PWM's order)."""

    def __init__(self, latent_dim: int, action_dim: int, units: Sequence[int]) -> None:
        super().__init__()
        self.action_dim = action_dim
        widths = [latent_dim, *units]
        layers: list[nn.Module] = []
        for i, o in pairwise(widths):
            layers += [nn.Linear(i, o), activation("mish"), nn.LayerNorm(o)]
        self.mean = nn.Sequential(*layers, nn.Linear(widths[-1], action_dim))
        self.log_std = nn.Parameter(torch.full((action_dim,), INITIAL_LOG_STD))

    def forward(self, z: Tensor, noise: Tensor | None = None) -> Tensor:
        """z[...,D], noise ε[...,A] or None -> actions[...,A] in (−1, 1).

        Without noise the action is tanh μ(z), the deterministic policy.
        """
        mean: Tensor = self.mean(z)
        if noise is not None:
            with torch.no_grad():  # the parameter itself, so that it can rise from its floor again
                self.log_std.clamp_(min=MIN_LOG_STD)
            mean = mean + self.log_std.exp() * noise
        return mean.tanh()

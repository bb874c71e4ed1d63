"""The policy: a tanh-squashed Gaussian over actions, from the latent alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wmzoo.nets.blocks import activation
from wmzoo.nets.functional import bounded

INITIAL_LOG_STD = -1.0
MIN_LOG_STD = -1.427  # a std of 0.24: PWM's floor on exploration noise
LOW, HIGH, MIDDLE = -3.0, 0.5, -0.5  # of the log σ that depends on the latent; MIDDLE where the head gives 0


class Actor(nn.Module):
    """a = tanh(μ(z) + σ ε); blocks Linear → Mish → LayerNorm (PWM's order).

    Args:
        std: `parameter`, one σ for all latents (PWM), or `state`, σ(z) (Haarnoja et al., arXiv 1812.05905): the last
            layer, which then starts small, gives μ and what `bounded` makes log σ of.
    """

    def __init__(self, latent_dim: int, action_dim: int, units: Sequence[int], std: str = "parameter") -> None:
        super().__init__()
        if std not in ("parameter", "state"):
            raise ValueError(f"the policy's std is parameter or state, not '{std}'")
        self.action_dim = action_dim
        widths = [latent_dim, *units]
        layers: list[nn.Module] = []
        for i, o in pairwise(widths):
            layers += [nn.Linear(i, o), activation("mish"), nn.LayerNorm(o)]
        last = nn.Linear(widths[-1], action_dim * (2 if std == "state" else 1))
        self.mean = nn.Sequential(*layers, last)
        self.log_std: nn.Parameter | None = None
        if std == "state":
            with torch.no_grad():
                last.weight.mul_(0.1)
                last.bias.zero_()
        else:
            self.log_std = nn.Parameter(torch.full((action_dim,), INITIAL_LOG_STD))

    def forward(self, z: Tensor, noise: Tensor | None = None) -> Tensor:
        """z[...,D], noise ε[...,A] or None -> actions[...,A] in (−1, 1).

        Without noise the action is tanh μ(z), the deterministic policy.
        """
        if noise is None:
            return self._mean(z).tanh()
        mean, log_std = self.gaussian(z)
        return (mean + log_std.exp() * noise).tanh()

    def sample(self, z: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """z[...,D], noise ε[...,A] -> actions[...,A] and log π of each of their entries [...,A]."""
        mean, log_std = self.gaussian(z)
        u = mean + log_std.exp() * noise
        return u.tanh(), squashed_log_density(u, noise, log_std)

    def gaussian(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """z[...,D] -> μ[...,A] and log σ, [...,A] or [A]."""
        if self.log_std is None:
            mean, raw = self.mean(z).to(z.dtype).chunk(2, -1)
            return mean, bounded(raw, LOW, HIGH, MIDDLE)
        with torch.no_grad():  # the parameter itself, so that it can rise from its floor again
            self.log_std.clamp_(min=MIN_LOG_STD)
        return self._mean(z), self.log_std

    def _mean(self, z: Tensor) -> Tensor:
        """μ(z) alone, [...,A]."""
        out: Tensor = self.mean(z)
        return out if self.log_std is not None else out.to(z.dtype)[..., : self.action_dim]


def squashed_log_density(u: Tensor, noise: Tensor, log_std: Tensor) -> Tensor:
    """The log density of a = tanh u, u = μ + σ ε, of each entry: log N(u; μ, σ²) − log(1 − tanh² u).

    With log(1 − tanh² u) = 2 (log 2 − u − softplus(−2u)), which is exact where tanh² rounds to 1.
    """
    gaussian = -0.5 * noise.square() - log_std - 0.5 * math.log(2 * math.pi)
    return gaussian - 2 * (math.log(2) - u - F.softplus(-2 * u))

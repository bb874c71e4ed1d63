"""A categorical distribution over each simplex of the next latent."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from wmzoo.dynamics.base import DensityDynamics, join
from wmzoo.dynamics.coordinates import SMALLEST, LogitCoordinates
from wmzoo.nets.blocks import mlp
from wmzoo.nets.simnorm import group, ungroup


class CategoricalDynamics(DensityDynamics):
    """Each simplex is a categorical distribution p = softmax(log z + f(z, a)), independent of the others given z and a.

    A sample is softmax((log p + g)/T) with Gumbel noise g = −log(−log Φ(ε)), ε ~ N(0, 1): nearly one-hot for a small
    T, and differentiable (Jang et al., arXiv 1611.01144; Maddison et al., arXiv 1611.00712). `mean_step` is p.

    Args:
        temperature: T.
    """

    def __init__(
        self,
        *,
        latent_dim: int,
        action_dim: int,
        task_dim: int = 0,
        units: Sequence[int] = (256, 256),
        temperature: float = 0.5,
        activation: str = "mish",
        simnorm_dim: int = 8,
    ) -> None:
        super().__init__()
        if temperature <= 0:
            raise ValueError(f"dynamics.temperature is above 0, not {temperature}")
        self.coordinates, self.noise_dim, self.temperature = LogitCoordinates(simnorm_dim), latent_dim, temperature
        self.net = mlp(latent_dim + action_dim + task_dim, units, latent_dim, activation)

    def logits(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None) -> Tensor:
        """[B,D], of each simplex's categories."""
        out: Tensor = self.net(torch.cat(join(z, a, task_emb), -1))
        return self.coordinates.chart(z) + out

    def sample(self, z: Tensor, a: Tensor, noise: Tensor, task_emb: Tensor | None = None) -> Tensor:
        uniform = torch.special.ndtr(noise).clamp(SMALLEST, 1 - SMALLEST)
        gumbel = -torch.log(-torch.log(uniform))
        return self.coordinates.point((self.logits(z, a, task_emb) + gumbel) / self.temperature)

    def mean_step(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None) -> Tensor:
        return self.coordinates.point(self.logits(z, a, task_emb))

    def surprise(self, z: Tensor, a: Tensor, target: Tensor, task_emb: Tensor | None = None) -> Tensor:
        """z* log(z*/p) per unit, plus p − z*, which sums to nothing over a simplex and keeps each term at 0 or more."""
        size = self.coordinates.simnorm_dim
        log_p = ungroup(group(self.logits(z, a, task_emb), size).log_softmax(-1))
        truth = target.clamp_min(SMALLEST)
        return truth * (truth.log() - log_p) + log_p.exp() - truth

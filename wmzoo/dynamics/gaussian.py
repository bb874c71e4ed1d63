"""A diagonal Gaussian over the next latent, in a chart of it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from wmzoo.dynamics.base import DensityDynamics, join
from wmzoo.dynamics.coordinates import coordinates
from wmzoo.nets.blocks import mlp
from wmzoo.nets.functional import bounded

LEAST, MOST, FIRST = -4.0, 2.0, -2.0  # of log σ


class GaussianDynamics(DensityDynamics):
    """y′ = y(z) + m(z, a) + σ(z, a) ε with ε ~ N(0, I), z′ where y′ lands: units are independent given z and a.

    log σ is from −4 to 2, and −2 where the network gives ρ = 0 (`bounded`); m and ρ are its outputs. At first m = 0.

    Args:
        coordinates, retract: as in FlowDynamics.
    """

    def __init__(
        self,
        *,
        latent_dim: int,
        action_dim: int,
        task_dim: int = 0,
        units: Sequence[int] = (256, 256),
        coordinates: str = "logit",
        retract: str = "project",
        activation: str = "mish",
        simnorm_dim: int = 8,
    ) -> None:
        super().__init__()
        self.coordinates, self.noise_dim = _coordinates(coordinates, simnorm_dim, retract), latent_dim
        self.net = mlp(latent_dim + action_dim + task_dim, units, 2 * latent_dim, activation)

    def distribution(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Mean and log σ of y′, [B,D] each."""
        change, rho = self.net(torch.cat(join(z, a, task_emb), -1)).to(z.dtype).chunk(2, -1)
        return self.coordinates.chart(z) + change, bounded(rho, LEAST, MOST, FIRST)

    def sample(self, z: Tensor, a: Tensor, noise: Tensor, task_emb: Tensor | None = None) -> Tensor:
        mean, log_std = self.distribution(z, a, task_emb)
        return self.coordinates.land(mean + log_std.exp() * noise)

    def mean_step(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None) -> Tensor:
        return self.coordinates.land(self.distribution(z, a, task_emb)[0])

    def surprise(self, z: Tensor, a: Tensor, target: Tensor, task_emb: Tensor | None = None) -> Tensor:
        """½ ((y* − mean)/σ)² + log σ − min log σ."""
        mean, log_std = self.distribution(z, a, task_emb)
        return ((self.coordinates.chart(target) - mean) / log_std.exp()).square() / 2 + (log_std - LEAST)


_coordinates = coordinates  # the constructor's parameter of that name hides the function

"""The baseline: an MLP that predicts the next latent, or the change of it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from wmzoo.dynamics.base import Dynamics, join
from wmzoo.dynamics.coordinates import Coordinates, coordinates
from wmzoo.nets.blocks import mlp
from wmzoo.nets.simnorm import SimNorm


class MLPDynamics(Dynamics):
    """z′ from one pass of an MLP over [z, a, task].

    Args:
        residual: `none` is the public PWM form, z′ = SimNorm(LayerNorm(W h)). `logit` is z′ = SimNorm(log z + f),
            `latent` is z′ = retract(z + f); in both the last layer is a plain Linear that starts at zero, so the first
            prediction is "no change".
        retract: for `residual=latent`, how a sum that left the simplices comes back (see LatentCoordinates).
    """

    def __init__(
        self,
        *,
        latent_dim: int,
        action_dim: int,
        task_dim: int = 0,
        units: Sequence[int] = (256, 256),
        residual: str = "logit",
        retract: str = "project",
        activation: str = "mish",
        simnorm_dim: int = 8,
    ) -> None:
        super().__init__()
        if residual not in ("none", "latent", "logit", "sphere"):
            raise ValueError(f"dynamics.residual is one of none, latent, logit, sphere, not '{residual}'")
        self.coordinates: Coordinates | None = None
        if residual != "none":
            self.coordinates = coordinates(residual, simnorm_dim, retract)
        last = SimNorm(simnorm_dim) if self.coordinates is None else None
        self.net = mlp(latent_dim + action_dim + task_dim, units, latent_dim, activation, last=last)

    def forward(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None) -> Tensor:
        out: Tensor = self.net(torch.cat(join(z, a, task_emb), -1))
        if self.coordinates is None:
            return out
        return self.coordinates.land(self.coordinates.chart(z) + out)

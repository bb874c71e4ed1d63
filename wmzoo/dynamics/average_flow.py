"""A dynamics that learns the average velocity of a flow over any part of a latent step, and so takes it in one jump."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from wmzoo.dynamics.base import AverageVelocityDynamics, join
from wmzoo.dynamics.coordinates import coordinates
from wmzoo.nets.blocks import mlp


class AverageFlowDynamics(AverageVelocityDynamics):
    """y ← y + u(z(y), a, τ, τ′) (τ′ − τ) in a chart y of the latent, from τ = 0 to 1 in `substeps` equal jumps: one of
    [0, 1] is one evaluation. What makes u an average is the loss, `mean_flow` or `shortcut`.

    The last layer is a plain Linear that starts at zero: the first prediction is "no change".

    Args:
        coordinates, retract: as in FlowDynamics.
        substeps: jumps per latent step.
    """

    def __init__(
        self,
        *,
        latent_dim: int,
        action_dim: int,
        task_dim: int = 0,
        units: Sequence[int] = (256, 256),
        coordinates: str = "logit",
        substeps: int = 1,
        retract: str = "project",
        activation: str = "mish",
        simnorm_dim: int = 8,
    ) -> None:
        super().__init__()
        if substeps < 1:
            raise ValueError(f"dynamics.substeps is 1 or more, not {substeps}")
        self.coordinates, self.substeps = _coordinates(coordinates, simnorm_dim, retract), substeps
        self.net = mlp(latent_dim + action_dim + 2 + task_dim, units, latent_dim, activation)

    @property
    def nfe(self) -> int:
        return self.substeps

    def average_velocity(
        self, z: Tensor, a: Tensor, start: Tensor, end: Tensor, task_emb: Tensor | None = None
    ) -> Tensor:
        out: Tensor = self.net(torch.cat(join(z, a, start, end - start, task_emb), -1))
        return out

    def forward(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None) -> Tensor:
        y, size = self.coordinates.chart(z), 1 / self.substeps
        for jump in range(self.substeps):
            start, end = (z.new_full((z.shape[0], 1), (jump + later) * size) for later in (0, 1))
            y = y + size * self.average_velocity(self.coordinates.point(y), a, start, end, task_emb)
        return self.coordinates.land(y)


_coordinates = coordinates  # the constructor's parameter of that name hides the function

"""A rectified-flow dynamics: the next latent is where a learned velocity field carries the present one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from wmzoo.dynamics.base import VelocityDynamics, join
from wmzoo.dynamics.coordinates import coordinates
from wmzoo.integrators.base import Integrator
from wmzoo.nets.blocks import mlp

MOST_SUBSTEPS = 1024


class FlowDynamics(VelocityDynamics):
    """Integrates dy/dτ = v(z(y), a, τ) from τ=0 to 1 in a chart y of the latent (Liu et al., arXiv 2209.03003).

    The field's last layer is a plain Linear that starts at zero: the first prediction is "no change".

    Args:
        coordinates: `latent`, straight paths between latents, or `logit`, straight paths between their logits, on the
            simplices by construction.
        condition_on_source: also give the field the latent the path started from. Without it, where the straight paths
            of different samples cross, the fitted field is their average and the pairing is lost.
        substeps: uniform sub-steps of the integrator per latent step.
        retract: for latent coordinates, how an integrated latent comes back onto the simplices, once per latent step.
    """

    def __init__(
        self,
        *,
        latent_dim: int,
        action_dim: int,
        task_dim: int = 0,
        integrator: Integrator,
        units: Sequence[int] = (256, 256),
        coordinates: str = "logit",
        condition_on_source: bool = False,
        substeps: int = 2,
        retract: str = "project",
        activation: str = "mish",
        simnorm_dim: int = 8,
    ) -> None:
        super().__init__()
        if not 1 <= substeps <= MOST_SUBSTEPS:
            raise ValueError(f"dynamics.substeps is from 1 to {MOST_SUBSTEPS}, not {substeps}")
        self.coordinates = _coordinates(coordinates, simnorm_dim, retract)
        self.integrator, self.substeps, self.condition_on_source = integrator, substeps, condition_on_source
        inputs = latent_dim * (1 + condition_on_source) + action_dim + 1 + task_dim
        self.net = mlp(inputs, units, latent_dim, activation)

    @property
    def nfe(self) -> int:
        return self.integrator.nfe(self.substeps)

    def velocity(
        self,
        z: Tensor,
        a: Tensor,
        tau: Tensor,
        task_emb: Tensor | None = None,
        *,
        source: Tensor | None = None,
    ) -> Tensor:
        if not self.condition_on_source:
            source = None
        elif source is None:
            raise ValueError("a field conditioned on its source needs `source`")
        out: Tensor = self.net(torch.cat(join(z, a, tau, source, task_emb), -1))
        return out

    def forward(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None) -> Tensor:
        def field(y: Tensor, tau: Tensor) -> Tensor:
            return self.velocity(self.coordinates.point(y), a, tau, task_emb, source=z)

        return self.coordinates.land(self.integrator.integrate(field, self.coordinates.chart(z), self.substeps))


_coordinates = coordinates  # the constructor's parameter of that name hides the function

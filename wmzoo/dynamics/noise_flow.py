"""A flow from noise to the next latent: a distribution of any shape, where a flow from the present latent is a map."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from wmzoo.dynamics.base import NoiseVelocityDynamics, join
from wmzoo.dynamics.coordinates import coordinates
from wmzoo.dynamics.integrated import least_rest
from wmzoo.errors import check_known
from wmzoo.integrators.base import Field, Integrator
from wmzoo.nets.blocks import TrunkAndHead


class NoiseFlowDynamics(NoiseVelocityDynamics):
    """y′ = y(z) + m(z, a) + σ x_1, where dx/dτ = v(x, τ | z, a) carries noise x_0 ~ N(0, I) to x_1 in K sub-steps; z′
    is where y′ lands. The trunk of the network runs once per latent step, its head once per evaluation.

    Args:
        predict: what the head f gives: the `velocity`, v = f, or the `end`, x_1 = f/σ, v = (f/σ − x)/(1 − τ),
            divided by 0.05 at least, or by 1/K for more than 20 sub-steps.
        mean: whether a second head gives m; else m = 0. `mean_step` lands at y(z) + m; without m it is the sample of
            x_0 = 0.
        scale: σ, in units of the chart.
        substeps: K.
        coordinates, retract: as in FlowDynamics.
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
        predict: str = "velocity",
        mean: bool = True,
        scale: float = 0.5,
        substeps: int = 4,
        retract: str = "project",
        activation: str = "mish",
        simnorm_dim: int = 8,
    ) -> None:
        super().__init__()
        check_known("dynamics.predict", predict, ("velocity", "end"))
        if scale <= 0 or substeps < 1:
            raise ValueError("dynamics.scale is above 0, and dynamics.substeps 1 or more")
        self.coordinates, self.noise_dim = _coordinates(coordinates, simnorm_dim, retract), latent_dim
        self.integrator, self.substeps, self.scale = integrator, substeps, scale
        self.least_rest = least_rest(substeps) if predict == "end" else None
        self.net = TrunkAndHead(latent_dim + action_dim + task_dim, latent_dim + 1, units, latent_dim, activation)
        self.mean = nn.Linear(units[-1], latent_dim) if mean else None
        self.learns_mean = mean
        if self.mean is not None:
            nn.init.zeros_(self.mean.weight)
            nn.init.zeros_(self.mean.bias)

    @property
    def nfe(self) -> int:
        return self.integrator.nfe(self.substeps)

    def centre(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None) -> Tensor:
        return self._centre(self._trunk(z, a, task_emb))

    def noise_field(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None) -> Field:
        return self._field(self._trunk(z, a, task_emb))

    def sample(self, z: Tensor, a: Tensor, noise: Tensor, task_emb: Tensor | None = None) -> Tensor:
        trunk = self._trunk(z, a, task_emb)
        end = self.integrator.integrate(self._field(trunk), noise, self.substeps)
        return self.coordinates.land(self.coordinates.chart(z) + self._centre(trunk) + self.scale * end)

    def mean_step(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None) -> Tensor:
        if self.mean is None:
            return self.sample(z, a, torch.zeros_like(z), task_emb)
        return self.coordinates.land(self.coordinates.chart(z) + self.centre(z, a, task_emb))

    def _trunk(self, z: Tensor, a: Tensor, task_emb: Tensor | None) -> Tensor:
        trunk: Tensor = self.net.trunk(torch.cat(join(z, a, task_emb), -1))
        return trunk

    def _centre(self, trunk: Tensor) -> Tensor:
        if self.mean is None:
            return trunk.new_zeros(())
        centre: Tensor = self.mean(self.net.act(self.net.norm(trunk)))
        return centre

    def _field(self, trunk: Tensor) -> Field:
        def field(x: Tensor, tau: Tensor) -> Tensor:
            if self.least_rest is None:
                out: Tensor = self.net(trunk, torch.cat([x, tau], -1))
                return out
            end: Tensor = self.net(trunk, torch.cat([tau * x, tau], -1)) / self.scale  # at τ = 0 x says nothing
            return (end - x) / (1 - tau).clamp_min(self.least_rest)

        return field


_coordinates = coordinates  # the constructor's parameter of that name hides the function

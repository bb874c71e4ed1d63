"""A velocity field and the integrator that follows it: what deterministic flows share."""

from __future__ import annotations

from torch import Tensor

from wmzoo.dynamics.base import VelocityDynamics
from wmzoo.integrators.base import Integrator

MOST_SUBSTEPS = 1024
LEAST_REST = 0.05  # of 1 − τ, by which the way to a predicted end is divided, as in Li and He, arXiv 2511.13720


def least_rest(substeps: int) -> float:
    """By how much the way to a predicted end is divided at least: no more than what Euler's last sub-step has left."""
    return min(LEAST_REST, 1 / substeps)


class IntegratedDynamics(VelocityDynamics):
    """z′ is where dy/dτ = v(z(y), a, τ) carries y(z) from τ = 0 to 1, in a chart y of the latent.

    Args:
        integrator, substeps: the way, in uniform sub-steps.
        train_integrator, train_substeps: in the rollouts with which model and policy train; None for the same.
    """

    def __init__(
        self, integrator: Integrator, substeps: int, train_integrator: Integrator | None, train_substeps: int | None
    ) -> None:
        super().__init__()
        for name, steps in {"substeps": substeps, "train_substeps": train_substeps}.items():
            if steps is not None and not 1 <= steps <= MOST_SUBSTEPS:
                raise ValueError(f"dynamics.{name} is from 1 to {MOST_SUBSTEPS}, not {steps}")
        self.integrator, self.substeps = integrator, substeps
        self.train_integrator, self.train_substeps = train_integrator or integrator, train_substeps or substeps

    @property
    def nfe(self) -> int:
        return self.train_integrator.nfe(self.train_substeps)

    @property
    def forward_nfe(self) -> int:
        return self.integrator.nfe(self.substeps)

    def forward(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None) -> Tensor:
        return self._step(self.integrator, self.substeps, z, a, task_emb)

    def rollout_step(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None, noise: Tensor | None = None) -> Tensor:
        return self._step(self.train_integrator, self.train_substeps, z, a, task_emb)

    def _step(self, integrator: Integrator, substeps: int, z: Tensor, a: Tensor, task_emb: Tensor | None) -> Tensor:
        chart, field = self.coordinates, self.field(z, a, task_emb)

        def slope(y: Tensor, tau: Tensor) -> Tensor:
            return field(chart.point(y), tau)

        return chart.land(integrator.integrate(slope, chart.chart(z), substeps))

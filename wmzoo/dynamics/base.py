"""What a latent dynamics is."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from wmzoo.dynamics.coordinates import Coordinates
from wmzoo.integrators.base import Field


class Dynamics(nn.Module, ABC):
    """One latent step: forward(z[B,D], a[B,A], task_emb[B,E] | None) -> z_next[B,D].

    z lies on a product of simplices (SimNorm) and z_next must too, or be brought back on purpose. Rows are independent;
    float64 inputs give float64 outputs. The builder passes `latent_dim`, `action_dim` and `task_dim` (0 without tasks)
    as keywords; everything else is a parameter of the card.
    """

    @property
    def nfe(self) -> int:
        """Evaluations of its network per latent step of a training's rollouts: per `rollout_step`."""
        return 1

    @abstractmethod
    def forward(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None) -> Tensor:
        """The next latent."""

    def rollout_step(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None) -> Tensor:
        """The next latent in the rollouts in which model and policy train: `forward`, unless there is a cheaper way."""
        z_next: Tensor = self(z, a, task_emb)
        return z_next


class VelocityDynamics(Dynamics):
    """A dynamics that flows: it has the capability `velocity`, which the loss `rectified_flow` trains.

    `coordinates` says where the straight paths run (see `Coordinates`). The builder also passes `integrator`.
    """

    coordinates: Coordinates

    @abstractmethod
    def velocity(
        self,
        z: Tensor,
        a: Tensor,
        tau: Tensor,
        task_emb: Tensor | None = None,
        *,
        source: Tensor | None = None,
    ) -> Tensor:
        """Velocity at the path's point z[B,D] and time tau[B,1], in the chart of `coordinates`: [B,D].

        source[B,D] is the latent the path started from, for fields conditioned on it; the others ignore it.
        """

    def field(self, source: Tensor | None, a: Tensor, task_emb: Tensor | None = None) -> Field:
        """`velocity` on the paths from source[B,D], as a function (z[B,D], tau[B,1]) -> [B,D] of place and time: what
        does not change along them is computed once."""

        def field(z: Tensor, tau: Tensor) -> Tensor:
            return self.velocity(z, a, tau, task_emb, source=source)

        return field


class AverageVelocityDynamics(Dynamics):
    """A dynamics that jumps: it has the capability `average_velocity`, which `mean_flow` and `shortcut` train."""

    coordinates: Coordinates

    @abstractmethod
    def average_velocity(
        self, z: Tensor, a: Tensor, start: Tensor, end: Tensor, task_emb: Tensor | None = None
    ) -> Tensor:
        """u[B,D] in the chart of `coordinates`, such that the path that is at z[B,D] at the time start[B,1] is at
        y + (end − start) u at the time end[B,1]; the velocity there where both are equal."""


def join(*parts: Tensor | None) -> list[Tensor]:
    """The inputs that are there, in order."""
    return [part for part in parts if part is not None]

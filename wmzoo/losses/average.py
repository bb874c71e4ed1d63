"""What the losses of average velocities, mean_flow and shortcut, share."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

from wmzoo.dynamics.base import AverageVelocityDynamics, Dynamics
from wmzoo.dynamics.coordinates import Coordinates
from wmzoo.losses.base import lacking
from wmzoo.losses.paths import PathLoss, Paths


class AverageVelocityLoss(PathLoss):
    """A loss of what an AverageVelocityDynamics gives. title: of the loss, in an error.

    With metric=landed an error δ of the average over [τ, τ′] is that of where the path lands that jumps by it and goes
    on straight to the end, S(y* + (τ′−τ) δ) − z*; of an instant, τ′ = τ, it is that of a velocity, with 1 − τ.
    """

    draws_two = True
    title: ClassVar[str]

    def chart(self, dynamics: Dynamics) -> Coordinates:
        return self.capable(dynamics).coordinates

    def capable(self, dynamics: Dynamics) -> AverageVelocityDynamics:
        """The dynamics; TypeError for one without the capability."""
        if not isinstance(dynamics, AverageVelocityDynamics):
            raise TypeError(lacking(dynamics, self.title, "average_velocity"))
        return dynamics

    def jumped(
        self, chart: Coordinates, paths: Paths, place: Tensor, start: Tensor, end: Tensor, delta: Tensor
    ) -> Tensor:
        """The change of z [N,D] that the error delta[N,D] of the averages from start[N,1] to end[N,1] makes, at the
        latent place[N,D]."""
        return self.measured(chart, paths, place, torch.where(end > start, end - start, 1 - start), delta)

    def average(self, dynamics: Dynamics, paths: Paths) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
        """u(y[N,D], start[N,1], end[N,1]) [N,D] under the paths' actions, y in the chart."""
        flow = self.capable(dynamics)

        def average(y: Tensor, start: Tensor, end: Tensor) -> Tensor:
            return flow.average_velocity(flow.coordinates.point(y), paths.action, start, end, paths.task_emb)

        return average

"""MeanFlow's loss (Geng et al., arXiv 2505.13447): average velocities by the identity that they fulfil."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from wmzoo.dynamics.base import AverageVelocityDynamics, Dynamics
from wmzoo.dynamics.coordinates import Coordinates
from wmzoo.losses.base import lacking
from wmzoo.losses.paths import PathLoss, Paths, share


class MeanFlowLoss(PathLoss):
    """The error of the average velocity u from τ to τ′: δ = u − sg[v + (τ′ − τ) du/dτ], v = y* − y_s.

    The average keeps (τ′ − τ) u(y_τ, τ, τ′) = ∫_τ^τ′ v; its derivative along the path at fixed τ′ is
    −u + (τ′ − τ) du/dτ = −v, with du/dτ = ∂u/∂y · v + ∂u/∂τ from one product of the Jacobian with a vector. (The
    paper's sign differs: its paths are left at their end.) τ′ is τ for a share of the rows, else uniform in [τ, 1].

    Args:
        instant: share of the rows with τ′ = τ, where the target is v itself.
        parameters: as in PathLoss.
    """

    draws_two = True

    def __init__(self, instant: float = 0.5, **parameters: Any) -> None:
        super().__init__(**parameters)
        self.instant = share("instant", instant)

    def chart(self, dynamics: Dynamics) -> Coordinates:
        return with_average(dynamics, "mean-flow").coordinates

    def errors(self, dynamics: Dynamics, paths: Paths) -> Tensor:
        flow, tau = with_average(dynamics, "mean-flow"), paths.tau
        assert paths.second is not None
        part = ((paths.second - self.instant) / max(1 - self.instant, 1e-6)).clamp_min(0)
        end, velocity = tau + (1 - tau) * part, (paths.end - paths.start).detach()

        def average(y: Tensor, start: Tensor) -> Tensor:
            return flow.average_velocity(flow.coordinates.point(y), paths.action, start, end, paths.task_emb)

        y = paths.at(tau)
        target = velocity + (end - tau) * _change(average, y, tau, velocity)
        return self.measured(flow.coordinates, paths, flow.coordinates.point(y), 1 - tau, average(y, tau) - target)


@torch.compiler.disable  # type: ignore[untyped-decorator]  # torch.compile cannot take forward derivatives apart
@torch.no_grad()
def _change(average: Callable[[Tensor, Tensor], Tensor], y: Tensor, tau: Tensor, velocity: Tensor) -> Tensor:
    """du/dτ along the path, without gradient."""
    change: Tensor = torch.func.jvp(average, (y, tau), (velocity, torch.ones_like(tau)))[1]
    return change


def with_average(dynamics: Dynamics, loss: str) -> AverageVelocityDynamics:
    """The dynamics; TypeError for one without the capability."""
    if not isinstance(dynamics, AverageVelocityDynamics):
        raise TypeError(lacking(dynamics, loss, "average_velocity"))
    return dynamics

"""MeanFlow's loss (Geng et al., arXiv 2505.13447): average velocities by the identity that they fulfil."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from wmzoo.dynamics.base import Dynamics
from wmzoo.losses.average import AverageVelocityLoss
from wmzoo.losses.paths import Paths, share


class MeanFlowLoss(AverageVelocityLoss):
    """The error of the average velocity u from τ to τ′: δ = u − sg[v + (τ′ − τ) du/dτ], v = y* − y_s.

    The average keeps (τ′ − τ) u(y_τ, τ, τ′) = ∫_τ^τ′ v; its derivative along the path at fixed τ′ is
    −u + (τ′ − τ) du/dτ = −v, with du/dτ = ∂u/∂y · v + ∂u/∂τ from one product of the Jacobian with a vector. (The
    paper's sign differs: its paths are left at their end.) τ′ is τ for a share of the rows, else uniform in [τ, 1].

    Args:
        instant: share of the rows with τ′ = τ, where the target is v itself.
        parameters: as in PathLoss.
    """

    title = "mean-flow"

    def __init__(self, instant: float = 0.5, **parameters: Any) -> None:
        super().__init__(**parameters)
        self.instant = share("instant", instant)

    def errors(self, dynamics: Dynamics, paths: Paths) -> Tensor:
        chart, average, tau = self.chart(dynamics), self.average(dynamics, paths), paths.tau
        assert paths.second is not None
        part = ((paths.second - self.instant) / max(1 - self.instant, 1e-6)).clamp_min(0)
        end, velocity = tau + (1 - tau) * part, (paths.end - paths.start).detach()

        y = paths.at(tau)
        target = velocity + (end - tau) * _change(average, y, tau, end, velocity)
        return self.jumped(chart, paths, chart.point(y), tau, end, average(y, tau, end) - target)


@torch.compiler.disable  # type: ignore[untyped-decorator]  # torch.compile cannot take forward derivatives apart
@torch.no_grad()
def _change(
    average: Callable[[Tensor, Tensor, Tensor], Tensor], y: Tensor, tau: Tensor, end: Tensor, velocity: Tensor
) -> Tensor:
    """du/dτ along the path, without gradient."""
    change: Tensor = torch.func.jvp(lambda y, tau: average(y, tau, end), (y, tau), (velocity, torch.ones_like(tau)))[1]
    return change

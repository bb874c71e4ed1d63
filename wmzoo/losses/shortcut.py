"""The loss of shortcut models (Frans et al., arXiv 2410.12557): a jump is worth two jumps of half its length."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from wmzoo.dynamics.base import Dynamics
from wmzoo.losses.average import AverageVelocityLoss
from wmzoo.losses.paths import Paths, share


class ShortcutLoss(AverageVelocityLoss):
    """The error of the average velocity u. On most rows it is that of an instant, δ = u(y_τ, τ, τ) − (y* − y_s); on a
    share of them that of a jump, δ = u(y_τ, τ, τ + 2d) − sg[½ u(y_τ, τ, τ + d) + ½ u(y′, τ + d, τ + 2d)], where
    y′ = y_τ + d u(y_τ, τ, τ + d).

    2d is 1, ½, …, 2/M with equal probability, and τ a multiple of it.

    Args:
        consistency: share of the rows that compare jumps.
        finest: M, a power of two: the jumps of length 1/M are those which are compared last.
        parameters: as in PathLoss.
    """

    title = "shortcut"

    def __init__(self, consistency: float = 0.25, finest: int = 8, **parameters: Any) -> None:
        super().__init__(**parameters)
        if finest < 2 or finest & (finest - 1):
            raise ValueError(f"loss.finest is a power of two, 2 or more, not {finest}")
        self.consistency, self.levels = share("consistency", consistency), int(math.log2(finest))

    def errors(self, dynamics: Dynamics, paths: Paths) -> Tensor:
        chart, average = self.chart(dynamics), self.average(dynamics, paths)
        assert paths.second is not None
        compared = paths.second < self.consistency
        level = (paths.second / max(self.consistency, 1e-6) * self.levels).floor().clamp_max(self.levels - 1)
        jump = torch.where(compared, 2**-level, 0.0)
        tau = torch.where(compared, (paths.tau / jump).floor() * jump, paths.tau)

        y = paths.at(tau)
        with torch.no_grad():
            middle = tau + jump / 2
            first = average(y, tau, middle)
            second = average(y + jump / 2 * first, middle, tau + jump)
            target = torch.where(compared, (first + second) / 2, paths.end - paths.start)
        delta = average(y, tau, tau + jump) - target
        return self.jumped(chart, paths, chart.point(y), tau, tau + jump, delta)

"""Embedded Runge-Kutta pairs that choose the sub-steps of every row by that row's own error."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from wmzoo.integrators.base import Field, Integrator

SAFETY, LEAST, MOST = 0.9, 0.2, 5.0  # of the next sub-step's length relative to this one's


@dataclass(frozen=True)
class AdaptiveRungeKutta(Integrator):
    """An explicit method with an embedded one of lower order, whose last stage is the next sub-step's first (FSAL).

    An attempt of length h is accepted in the rows where `e = RMS(h Σ e_i k_i / (atol + rtol max(|z|, |z_new|))) ≤ 1`,
    the mean over the row's units; in all rows the next length is h · min(5, max(0.2, 0.9 e^(−1/p))), no longer than
    what is left to τ = 1. Rows have times of their own, so that none depends on its neighbours, as it does where one
    error is taken over the batch. The shapes are those of `most` attempts, whatever happens: a row that arrived stands
    still, and one that did not arrive takes what is left in the last. Without compilation it ends with the last row to
    arrive.

    The gradient runs through the accepted sub-steps; their lengths count as constants. Where a rejected row has left
    the finite numbers, the attempt is repeated for its gradient without that row (compiled: each is), which `nfe` does
    not count: nothing times infinity would be no number.

    Source: Hairer, Nørsett, Wanner, "Solving Ordinary Differential Equations I", II.4.

    Args:
        a, b, c: as in ExplicitRungeKutta; a's last row is b. e: b − b̂ [s]. order: p, of the method itself.
        rtol, atol: of a sub-step's error. most: attempts.
    """

    a: tuple[tuple[float, ...], ...]
    b: tuple[float, ...]
    c: tuple[float, ...]
    e: tuple[float, ...]
    order: int
    rtol: float
    atol: float
    most: int

    adaptive = True

    def __post_init__(self) -> None:
        if not (self.rtol >= 0 and self.atol >= 0 and self.rtol + self.atol > 0):
            raise ValueError("integrator.rtol and integrator.atol are 0 or more, and not both 0")
        if self.most < 1:
            raise ValueError(f"integrator.most is 1 or more, not {self.most}")

    def nfe(self, steps: int) -> int:
        return 1 + self.most * (len(self.b) - 1)

    @torch.no_grad()
    def evaluations(self, field: Field, z: Tensor, steps: int) -> Tensor:
        return 1 + (len(self.b) - 1) * self._solve(field, z, steps)[1].squeeze(1)

    def integrate(self, field: Field, z: Tensor, steps: int) -> Tensor:
        """The first attempt has the length 1/steps."""
        return self._solve(field, z, steps)[0]

    def _solve(self, field: Field, z: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        """Where z[B,D] arrives, and after how many attempts [B,1]."""
        if steps < 1:
            raise ValueError(f"an integration begins with 1/steps, steps at least 1, not {steps}")
        tau, h = z.new_zeros(len(z), 1), z.new_full((len(z), 1), 1.0 / steps)
        attempts, slope = torch.zeros_like(tau, dtype=torch.int64), field(z, tau)
        for attempt in range(self.most):
            last = attempt == self.most - 1
            attempts = attempts + (tau < 1)
            h = 1 - tau if last else torch.minimum(h, 1 - tau)
            there, slopes = self._attempt(field, z, tau, h, slope)
            error = self._error(z, there, h, slopes)
            fine = torch.ones_like(error, dtype=torch.bool) if last else error <= 1
            if _repeats(fine, there, slopes):
                there, slopes = self._attempt(field, z, tau, torch.where(fine, h, 0.0), slope)
            z, slope = torch.where(fine, there, z), torch.where(fine, slopes[-1], slope)
            end = torch.where(h >= 1 - tau, torch.ones_like(tau), tau + h)
            tau = torch.where(fine, end, tau)
            h = h * (SAFETY * error.clamp_min(1e-12) ** (-1 / self.order)).clamp(LEAST, MOST)
            if not torch.compiler.is_compiling() and bool((tau >= 1).all()):
                break
        return z, attempts

    def _attempt(self, field: Field, z: Tensor, tau: Tensor, h: Tensor, slope: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Where a sub-step of length h[B,1] leads, and the slopes of its stages; the last is that at its end."""
        slopes, there = [slope], z
        for row, time in zip(self.a[1:], self.c[1:], strict=True):
            there = z + h * _weighted(row, slopes)
            slopes.append(field(there, (tau + time * h).clamp_max(1.0)))
        return there, slopes

    @torch.no_grad()
    def _error(self, z: Tensor, there: Tensor, h: Tensor, slopes: list[Tensor]) -> Tensor:
        """e[B,1]; an error that is not finite counts as a large one."""
        allowed = self.atol + self.rtol * torch.maximum(z.abs(), there.abs())
        error = (h * _weighted(self.e, slopes) / allowed).square().mean(-1, keepdim=True).sqrt()
        return error.nan_to_num(nan=1e12, posinf=1e12)


def _repeats(fine: Tensor, there: Tensor, slopes: list[Tensor]) -> bool:
    """Whether a gradient through an attempt, of which the rows fine[B,1] count, would be spoilt by the others.

    Compiled code cannot ask, and is told to repeat."""
    if torch.compiler.is_compiling() or not there.requires_grad:
        return there.requires_grad
    return not bool(fine.all()) and not all(bool(x.isfinite().all()) for x in (there, *slopes))


def _weighted(weights: tuple[float, ...], slopes: list[Tensor]) -> Tensor:
    total = weights[0] * slopes[0]
    for weight, slope in zip(weights[1:], slopes[1:], strict=True):
        if weight:
            total = total.add(slope, alpha=weight)
    return total

"""Explicit Runge-Kutta methods: a method is its Butcher tableau, data; this is the one loop that runs it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from wmzoo.integrators.base import Field, Integrator


@dataclass(frozen=True)
class ExplicitRungeKutta(Integrator):
    """An explicit method with s stages, k_i = f(z + h Σ_{j<i} a_ij k_j, τ + c_i h), z ← z + h Σ b_i k_i.

    Source: Hairer, Nørsett, Wanner, "Solving Ordinary Differential Equations I", II.1.

    Args:
        a: the strictly lower triangle, row i with i entries. b: weights [s]. c: times of the stages [s].
        order: order of the global error.
    """

    a: tuple[tuple[float, ...], ...]
    b: tuple[float, ...]
    c: tuple[float, ...]
    order: int

    def nfe(self, steps: int) -> int:
        return steps * len(self.b)

    def integrate(self, field: Field, z: Tensor, steps: int) -> Tensor:
        if steps < 1:
            raise ValueError(f"an integration takes at least 1 sub-step, not {steps}")
        h = 1.0 / steps
        for step in range(steps):
            slopes: list[Tensor] = []
            for row, time in zip(self.a, self.c, strict=True):
                tau = z.new_full((z.shape[0], 1), (step + time) * h)
                slopes.append(field(_advance(z, h, row, slopes), tau))
            z = _advance(z, h, self.b, slopes)
        return z


def _advance(z: Tensor, h: float, weights: tuple[float, ...], slopes: list[Tensor]) -> Tensor:
    for weight, slope in zip(weights, slopes, strict=True):
        if weight:
            z = z.add(slope, alpha=h * weight)
    return z

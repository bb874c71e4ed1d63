"""Heun's method of second order."""

from __future__ import annotations

from wmzoo.integrators.runge_kutta import ExplicitRungeKutta


class Heun(ExplicitRungeKutta):
    """z ← z + h/2 (f(z, τ) + f(z + h f(z, τ), τ + h)): two evaluations a sub-step, second order.

    The trapezoidal one, not Heun's third-order method.
    """

    def __init__(self) -> None:
        super().__init__(a=((), (1.0,)), b=(0.5, 0.5), c=(0.0, 1.0), order=2)

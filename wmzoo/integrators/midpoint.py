"""The explicit midpoint method."""

from __future__ import annotations

from wmzoo.integrators.runge_kutta import ExplicitRungeKutta


class Midpoint(ExplicitRungeKutta):
    """z ← z + h f(z + h/2 f(z, τ), τ + h/2): two evaluations a sub-step, second order (Runge, 1895).

    Not `euler` with `time=midpoint`, which moves the time but not the place.
    """

    def __init__(self) -> None:
        super().__init__(a=((), (0.5,)), b=(0.0, 1.0), c=(0.0, 0.5), order=2)

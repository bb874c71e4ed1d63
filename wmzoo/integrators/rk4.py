"""The classical Runge-Kutta method."""

from __future__ import annotations

from wmzoo.integrators.runge_kutta import ExplicitRungeKutta


class RK4(ExplicitRungeKutta):
    """Kutta's fourth-order method of 1901: four evaluations a sub-step."""

    def __init__(self) -> None:
        super().__init__(
            a=((), (0.5,), (0.0, 0.5), (0.0, 0.0, 1.0)),
            b=(1 / 6, 1 / 3, 1 / 3, 1 / 6),
            c=(0.0, 0.5, 0.5, 1.0),
            order=4,
        )

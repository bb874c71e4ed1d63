"""Ralston's method of second order."""

from __future__ import annotations

from wmzoo.integrators.runge_kutta import ExplicitRungeKutta


class Ralston(ExplicitRungeKutta):
    """The two-stage method with the least bound on its local error: stages at 0 and 2/3, weights 1/4 and 3/4.

    Source: Ralston, "Runge-Kutta Methods with Minimum Error Bounds", Mathematics of Computation 16, 1962.
    """

    def __init__(self) -> None:
        super().__init__(a=((), (2 / 3,)), b=(1 / 4, 3 / 4), c=(0.0, 2 / 3), order=2)

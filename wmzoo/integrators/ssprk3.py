"""Shu and Osher's method of third order."""

from __future__ import annotations

from wmzoo.integrators.runge_kutta import ExplicitRungeKutta


class SSPRK3(ExplicitRungeKutta):
    """Three stages that are convex combinations of Euler steps: what an Euler step cannot enlarge, a step of this
    cannot either (strong stability preserving).

    Source: Shu, Osher, "Efficient Implementation of Essentially Non-oscillatory Shock-Capturing Schemes", Journal of
    Computational Physics 77, 1988.
    """

    def __init__(self) -> None:
        super().__init__(a=((), (1.0,), (1 / 4, 1 / 4)), b=(1 / 6, 1 / 6, 2 / 3), c=(0.0, 1.0, 1 / 2), order=3)

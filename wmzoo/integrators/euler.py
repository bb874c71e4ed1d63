"""Euler's method."""

from __future__ import annotations

from wmzoo.integrators.runge_kutta import ExplicitRungeKutta


class Euler(ExplicitRungeKutta):
    """z ← z + h f(z, τ_k): one evaluation a sub-step, first order.

    Args:
        time: the τ given to the field. `start` (τ_k = k/K) is Euler's method. `midpoint` evaluates at z_k but at time
            (k+½)/K: off the straight path, still first order and biased; not the two-stage midpoint method.
    """

    def __init__(self, time: str = "start") -> None:
        times = {"start": 0.0, "midpoint": 0.5}
        if time not in times:
            raise ValueError(f"integrator.time is one of {', '.join(times)}, not '{time}'")
        super().__init__(a=((),), b=(1.0,), c=(times[time],), order=1)

"""Bogacki and Shampine's pair of orders 3 and 2."""

from __future__ import annotations

from wmzoo.integrators.adaptive import AdaptiveRungeKutta

WEIGHTS = (2 / 9, 1 / 3, 4 / 9, 0.0)
OF_SECOND_ORDER = (7 / 24, 1 / 4, 1 / 3, 1 / 8)


class Bosh3(AdaptiveRungeKutta):
    """Four stages, the last shared with the next sub-step; see AdaptiveRungeKutta.

    Source: Bogacki, Shampine, "A 3(2) pair of Runge-Kutta formulas", Applied Mathematics Letters 2, 1989.
    """

    def __init__(self, rtol: float = 1e-2, atol: float = 1e-3, most: int = 8) -> None:
        super().__init__(
            a=((), (1 / 2,), (0.0, 3 / 4), WEIGHTS[:-1]),
            b=WEIGHTS,
            c=(0.0, 1 / 2, 3 / 4, 1.0),
            e=tuple(high - low for high, low in zip(WEIGHTS, OF_SECOND_ORDER, strict=True)),
            order=3,
            rtol=rtol,
            atol=atol,
            most=most,
        )

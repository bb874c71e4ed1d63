"""Dormand and Prince's pair of orders 5 and 4."""

from __future__ import annotations

from wmzoo.integrators.adaptive import AdaptiveRungeKutta

WEIGHTS = (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84, 0.0)
OF_FOURTH_ORDER = (5179 / 57600, 0.0, 7571 / 16695, 393 / 640, -92097 / 339200, 187 / 2100, 1 / 40)


class Dopri5(AdaptiveRungeKutta):
    """Seven stages, the last shared with the next sub-step; see AdaptiveRungeKutta.

    Source: Dormand, Prince, "A family of embedded Runge-Kutta formulae", Journal of Computational and Applied
    Mathematics 6, 1980.
    """

    def __init__(self, rtol: float = 1e-3, atol: float = 1e-4, most: int = 8) -> None:
        super().__init__(
            a=(
                (),
                (1 / 5,),
                (3 / 40, 9 / 40),
                (44 / 45, -56 / 15, 32 / 9),
                (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
                (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
                WEIGHTS[:-1],
            ),
            b=WEIGHTS,
            c=(0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0),
            e=tuple(high - low for high, low in zip(WEIGHTS, OF_FOURTH_ORDER, strict=True)),
            order=5,
            rtol=rtol,
            atol=atol,
            most=most,
        )

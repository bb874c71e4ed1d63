"""The two shapes that rewards are built of: 1 from some value on, less below it."""

from __future__ import annotations

from dm_control.utils.rewards import tolerance


def linear(x: float, least: float, margin: float, at_margin: float) -> float:
    """1 if x ≥ least, else max(0, 1 − (1 − at_margin)(least − x)/margin): `at_margin` where x is `margin` short."""
    return float(tolerance(x, (least, float("inf")), margin, "linear", at_margin))


def gaussian(x: float, least: float, margin: float) -> float:
    """1 if x ≥ least, else 0.1^(((least − x)/margin)²): a tenth where x is `margin` short."""
    return float(tolerance(x, (least, float("inf")), margin))

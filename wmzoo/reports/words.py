"""Numbers as a reader wants them."""

from __future__ import annotations

import math
from typing import Any, SupportsFloat

from wmzoo.statistics.bootstrap import Estimate

NONE = "–"
MINUS = "−"


def number(value: SupportsFloat | None) -> str:
    """Three significant digits, thousands with a comma and to the unit, a real minus; – for what is missing."""
    if value is None or math.isnan(x := float(value)):
        return NONE
    if isinstance(value, int):
        return f"{value:,}".replace("-", MINUS)
    if math.isinf(x):
        return "∞" if x > 0 else f"{MINUS}∞"
    size = abs(x)
    text = f"{size:,.0f}" if size >= 99.95 or x == 0 else f"{size:.3g}" if size < 1e-3 else _fixed(size)
    return f"{MINUS}{text}" if x < 0 and any(c in "123456789" for c in text) else text


def _fixed(size: float) -> str:
    digits = 2 - math.floor(math.log10(size))
    return f"{size:.{min(max(digits, 0), 3)}f}"


def interval(estimate: Estimate) -> str:
    """`868 [850, 880]`, or the value alone where there is no interval."""
    value = number(float(estimate.value))
    if math.isnan(float(estimate.low)) or math.isnan(float(estimate.high)):
        return value
    return f"{value} [{number(float(estimate.low))}, {number(float(estimate.high))}]"


def counted(count: int, noun: str) -> str:
    """`1 seed`, `3 seeds`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def typed(value: Any) -> str:
    """A value of a config as it would be typed; None, and a key that is not there, as null."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"[{','.join(map(str, value))}]" if isinstance(value, list) else str(value)

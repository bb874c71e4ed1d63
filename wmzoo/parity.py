"""Equal capacity: the width at which a dynamics has the parameter count of the baseline."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from wmzoo.values import WIDEST


def matched_units(count: Callable[[list[int]], int], shape: Sequence[int], target: int) -> list[int]:
    """The hidden widths, in the proportions of `shape`, whose parameter count is nearest to `target`.

    Args:
        count: widths -> parameters; grows with them.
        shape: the baseline's widths, at least one.

    Raises:
        ValueError: `shape` is empty, or no width comes near because even the narrowest has more than twice `target`.
    """
    if not shape:
        raise ValueError("without hidden layers there is no width to match: give dynamics.units")

    def widths(first: int) -> list[int]:
        return [max(1, round(first * width / shape[0])) for width in shape]

    low, high = 1, WIDEST  # count(widths(low)) <= target < count(widths(high)), once inside
    if count(widths(low)) > 2 * target:
        raise ValueError(f"even the narrowest dynamics has {count(widths(low)):,} parameters, the baseline {target:,}")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(widths(middle)) <= target else (low, middle)
    return min((widths(low), widths(high)), key=lambda units: abs(count(units) - target))

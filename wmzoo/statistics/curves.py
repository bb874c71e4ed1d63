"""Where runs are compared: at the same agent steps, and at the same seconds.

A run's *score* at a point is the mean of its last N evaluations up to there. Between evaluations it is interpolated
linearly, and after the last one it stays: the run is over, its policy is what it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wmzoo.statistics.aggregates import Array
from wmzoo.statistics.bootstrap import Estimate

LAST_EVALUATIONS = 3  # N, where nobody says another


def trailing_mean(values: Array, last: int) -> Array:
    """At each of the E values the mean of it and the last - 1 before it (of fewer at the beginning): [E] -> [E]."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - last, 0)
    return np.asarray((sums[ends] - sums[starts]) / (ends - starts))


def score_at(x: Array, returns: Array, where: float, last: int) -> float:
    """The score at `where` steps or seconds.

    Args:
        x: steps or seconds of the evaluations, increasing [E].  returns: [E].
    """
    return float(np.interp(where, x, trailing_mean(returns, last)))


def equal_steps(curves: Sequence[Sequence[Array]]) -> float:
    """The smallest over runs of the step of the last evaluation; curves: per arm, per run, steps [E].

    NaN if some run has not had its first evaluation by then: there is nothing to compare.
    """
    return _if_begun(curves, min(float(x[-1]) for arm in curves for x in arm))


def equal_seconds(curves: Sequence[Sequence[Array]]) -> float:
    """The smallest over arms of the median time of the last evaluation; curves: per arm, per run, seconds [E].

    By then a typical run of the fastest arm is over, and the slower arms are cut there. NaN as above.
    """
    return _if_begun(curves, min(float(np.median([x[-1] for x in arm])) for arm in curves))


def _if_begun(curves: Sequence[Sequence[Array]], end: float) -> float:
    return end if all(x[0] <= end for arm in curves for x in arm) else float("nan")


def common_grid(xs: Sequence[Array], points: int | None = None) -> Array:
    """Points of the range that all curves share: their own, or so many evenly spaced. [P], empty if they share none."""
    first, last = max(x[0] for x in xs), min(x[-1] for x in xs)
    if first > last:
        return np.empty(0)
    if points is not None:
        return np.linspace(first, last, points) if last > first else np.array([last])
    grid = np.unique(np.concatenate(list(xs)))
    return np.asarray(grid[(grid >= first) & (grid <= last)])


def on_grid(grid: Array, xs: Sequence[Array], ys: Sequence[Array]) -> Array:
    """Every curve interpolated linearly at the grid: -> [P, R], runs last, as aggregates.py wants them."""
    return np.stack([np.interp(grid, x, y) for x, y in zip(xs, ys, strict=True)], axis=-1)


@dataclass(frozen=True)
class Curve:
    """A mean over runs with its interval, at P points; `each` run's own values [P, R], where they are to be seen."""

    x: Array
    y: Estimate
    runs: int
    each: Array | None = None


@dataclass(frozen=True)
class Reach:
    """Steps or seconds to the threshold: the median over the runs, of which one that never gets there is infinite."""

    median: Estimate
    missed: int
    runs: int

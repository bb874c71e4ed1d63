"""Welch's t-test between two arms, Holm's correction of it for several tasks, and what it could have shown.

For arms of unequal variance and few seeds Welch's test keeps its level best (Colas et al. 2019, arXiv 1904.06979).
Scores are as in aggregates.py: one array [R_m] per task; the statistic is the mean over M tasks of the difference of
the task's means. With v_g = s_g² / (R_g M²) of each of the 2M groups, its variance is Σ v_g, with
(Σ v_g)² / Σ (v_g² / (R_g − 1)) degrees of freedom (Welch 1947, Satterthwaite 1946).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from wmzoo.statistics.aggregates import Scores
from wmzoo.statistics.bootstrap import LEVEL

POWER = 0.8  # the usual chance to show a difference that is there
MOST_SEEDS = 1_000_000


@dataclass(frozen=True)
class Spread:
    """Of the difference: its standard error and the degrees of freedom of that."""

    error: float
    freedom: float


def p_value(x: Scores, y: Scores) -> float:
    """Two-sided, that a difference as large comes about by chance; NaN where an arm has fewer than two runs."""
    spread, difference = spread_of(x, y), abs(_difference(x, y))
    if spread is None:
        return float("nan")
    if not spread.error:
        return 0.0 if difference else 1.0
    return float(2 * stats.t.sf(difference / spread.error, spread.freedom))


def holm(p: Sequence[float]) -> list[float]:
    """Each p corrected for all of them, min(1, max over smaller ones of (m − rank) p): Holm 1979. NaNs stay out."""
    order = sorted((i for i in range(len(p)) if p[i] == p[i]), key=lambda i: p[i])
    corrected, largest = list(p), 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p[i]))
        corrected[i] = largest
    return corrected


def detectable(x: Scores, y: Scores, among: int = 1) -> float:
    """The true difference that runs as many and as spread as these show with a chance of 80%; NaN below two runs.

    among: tests that Holm corrects for. The level is then that of the smallest p among them, a part of 5% (Bonferroni);
        where others are smaller, less is shown too.
    """
    spread = spread_of(x, y)
    return float("nan") if spread is None else _noncentrality(spread.freedom, among) * spread.error


def seeds_for(effect: float, x: Scores, y: Scores, among: int = 1) -> float:
    """Runs of each arm on each task with which a true difference of `effect` is shown with a chance of 80%.

    The spread is that of the given runs, `among` as in `detectable`. NaN below two runs of these, infinity where a
    million would not do.
    """
    if spread_of(x, y) is None or not effect > 0:
        return float("nan")
    if _detectable_with(MOST_SEEDS, x, y, among) > effect:
        return float("inf")
    low, high = 1, 2  # low is too few
    while _detectable_with(high, x, y, among) > effect:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _detectable_with(middle, x, y, among) > effect else (low, middle)
    return high  # an int: a count


def spread_of(x: Scores, y: Scores, runs: int | None = None) -> Spread | None:
    """Of the given runs, or with `runs` of each group instead; None where a group has fewer than two."""
    groups = [*x, *y]
    if min(group.size for group in groups) < 2:
        return None
    sizes = np.array([runs or group.size for group in groups])
    variances = np.array([group.var(ddof=1) for group in groups]) / sizes / len(x) ** 2
    if not variances.any():
        return Spread(0.0, float(sizes.sum() - sizes.size))
    freedom = variances.sum() ** 2 / (variances**2 / (sizes - 1)).sum()
    return Spread(float(np.sqrt(variances.sum())), float(freedom))


def _difference(x: Scores, y: Scores) -> float:
    return float(np.mean([a.mean() - b.mean() for a, b in zip(x, y, strict=True)]))


def _detectable_with(runs: int, x: Scores, y: Scores, among: int) -> float:
    spread = spread_of(x, y, runs)
    assert spread is not None  # the given runs have one
    return _noncentrality(spread.freedom, among) * spread.error


def _noncentrality(freedom: float, among: int) -> float:
    """δ with P(T > t) = 80%, T noncentral t(δ), t the test's critical value: the difference is shown, with its sign."""
    critical = float(stats.t.isf((1 - LEVEL) / 2 / among, freedom))
    high = critical
    while stats.nct.sf(critical, freedom, high) < POWER:
        high += critical
    return float(optimize.brentq(lambda delta: stats.nct.sf(critical, freedom, delta) - POWER, 0.0, high))

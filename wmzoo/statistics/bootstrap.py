"""Stratified bootstrap intervals: runs are drawn anew within each task and arm, tasks are kept.

Agarwal et al. 2021 (arXiv 2108.13264), section 4.1 and appendix; percentile intervals, as rliable computes them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from wmzoo.statistics.aggregates import Array, Scores

Indices = NDArray[np.int64]
LEVEL = 0.95
FEWEST_FOR_INTERVAL = 2  # runs; of one alone every repetition is the same


@dataclass(frozen=True)
class Estimate:
    """A statistic [...] and its 95% interval, NaN where there are too few runs for one."""

    value: Array
    low: Array
    high: Array

    @property
    def has_interval(self) -> bool:
        return bool(np.all(np.isfinite(self.low)) and np.all(np.isfinite(self.high)))

    def excludes(self, value: float) -> bool:
        """Whether there is an interval and `value` lies outside it. For a scalar estimate."""
        return self.has_interval and not bool(self.low <= value <= self.high)


def which(counts: Sequence[int], repetitions: int, generator: np.random.Generator) -> list[Indices]:
    """Runs drawn with replacement, in each task independently: R_m per task -> their places [repetitions, R_m]."""
    return [generator.integers(runs, size=(repetitions, runs)) for runs in counts]


def draw(scores: Scores, drawn: Sequence[Indices]) -> list[Array]:
    """[..., R_m] per task, and which of them -> [..., repetitions, R_m]."""
    return [task[..., places] for task, places in zip(scores, drawn, strict=True)]


def counts(scores: Scores) -> tuple[int, ...]:
    """R_m per task."""
    return tuple(task.shape[-1] for task in scores)


@lru_cache(maxsize=4)  # a report asks hundreds of times for the same
def _which(groups: tuple[tuple[int, ...], ...], repetitions: int, seed: int) -> list[list[Indices]]:
    generator = np.random.default_rng(seed)
    return [which(group, repetitions, generator) for group in groups]


def estimate(
    statistic: Callable[..., Array], *groups: Scores, repetitions: int, seed: int, method: str = "linear"
) -> Estimate:
    """The statistic of one or several groups, with its percentile interval; every group is drawn independently.

    Args:
        statistic: groups of scores [..., R_m] per task -> [...].
        groups: scores [..., R_m] per task.
        seed: the same one gives the same interval.
        method: numpy's of `percentile`; one that does not interpolate where scores can be infinite.
    """
    value = np.asarray(statistic(*groups), dtype=np.float64)
    if min(task.shape[-1] for scores in groups for task in scores) < FEWEST_FOR_INTERVAL:
        return Estimate(value, np.full_like(value, np.nan), np.full_like(value, np.nan))
    places = _which(tuple(map(counts, groups)), repetitions, seed)
    drawn = statistic(*map(draw, groups, places))
    tails = [100 * (1 - LEVEL) / 2, 100 * (1 + LEVEL) / 2]
    low, high = np.percentile(drawn, tails, axis=-1, method=method)  # type: ignore[call-overload]
    return Estimate(value, low, high)

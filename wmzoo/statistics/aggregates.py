"""Statistics over runs and tasks.

After Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical precipice" (arXiv 2108.13264).
Scores are a sequence with one array per task, its last axis the task's runs: `[..., R_m]`, R_m runs of task m. Axes
before it are carried through, so a bootstrap's repetitions `[repetitions, R_m]` take one call. Tasks may have different
numbers of runs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Scores = Sequence[Array]


def mean(scores: Scores) -> Array:
    """The mean over tasks of the mean over runs: [..., R_m] per task -> [...]. Section 4 of the paper."""
    return np.asarray(_task_means(scores).mean(axis=-1))


def median(scores: Scores) -> Array:
    """The median over tasks of the mean over runs: [..., R_m] per task -> [...]. Section 4 of the paper."""
    return np.median(_task_means(scores), axis=-1)


def iqm(scores: Scores) -> Array:
    """The interquartile mean of all runs of all tasks: [..., R_m] per task -> [...]. Section 4.3 of the paper.

    Of N pooled scores the floor(N/4) smallest and as many largest are left out, as scipy's `trim_mean` does.
    """
    pooled = np.sort(np.concatenate(list(scores), axis=-1), axis=-1)
    cut = pooled.shape[-1] // 4
    return np.asarray(pooled[..., cut : pooled.shape[-1] - cut].mean(axis=-1))


def probability_of_improvement(x: Scores, y: Scores) -> Array:
    """P(X > Y), ties counted half, averaged over tasks: [..., R_m] and [..., Q_m] per task -> [...].

    The Mann-Whitney statistic over all pairs of a task's runs, divided by their number. Section 4.3 of the paper.
    """
    wins = [_wins(a, b) for a, b in zip(x, y, strict=True)]
    return np.asarray(np.mean(np.stack(wins, axis=-1), axis=-1))


def _wins(x: Array, y: Array) -> Array:
    """By ranks: all pairs, of hundreds of runs in thousands of repetitions, would take gigabytes."""
    runs, others = x.shape[-1], y.shape[-1]
    values, ranks = np.unique(np.concatenate([x, y], axis=-1), return_inverse=True)
    ranks = ranks.reshape(-1, runs + others)
    rows = np.arange(len(ranks))[:, None]
    ranks = ranks + rows * len(values)  # each row's are above those of the rows before, so that one search finds all
    theirs = np.sort(ranks[:, runs:], axis=-1).ravel()
    below, up_to = (np.searchsorted(theirs, ranks[:, :runs], side) for side in ("left", "right"))
    wins = (0.5 * (below + up_to) - rows * others).sum(axis=-1) / (runs * others)
    return np.asarray(wins.reshape(x.shape[:-1]))


def performance_profile(scores: Scores, thresholds: Array) -> Array:
    """The fraction of all runs whose score is above each of P thresholds: [..., R_m] per task -> [P, ...].

    Section 4.2 of the paper, the score distribution.
    """
    pooled = np.concatenate(list(scores), axis=-1)
    return np.stack([(pooled > threshold).mean(axis=-1) for threshold in thresholds])


def area_under_curve(x: Array, y: Array, start: float, stop: float) -> float:
    """The mean height of the polygon through (x, y) between `start` and `stop`, by the trapezoidal rule.

    Divided by the width, so it has the unit of y. Outside [x[0], x[-1]] the first or last value holds.

    Args:
        x: increasing [E].  y: [E].
    """
    if not stop > start:
        return float(np.interp(stop, x, y))
    inside = x[(x > start) & (x < stop)]
    grid = np.concatenate([[start], inside, [stop]])
    heights = np.interp(grid, x, y)
    return float(((heights[1:] + heights[:-1]) / 2 * np.diff(grid)).sum() / (stop - start))


def time_to_threshold(x: Array, y: Array, threshold: float) -> float:
    """Where the polygon through (x, y) first reaches `threshold`; infinity if it never does.

    Args:
        x: increasing [E], steps or seconds.  y: [E].
    """
    (reached,) = np.nonzero(y >= threshold)
    if not reached.size:
        return float("inf")
    i = int(reached[0])
    if i == 0:
        return float(x[0])
    share = (threshold - y[i - 1]) / (y[i] - y[i - 1])
    return float(x[i - 1] + share * (x[i] - x[i - 1]))


def _task_means(scores: Scores) -> Array:
    """[..., R_m] per task -> [..., M]."""
    return np.stack([task.mean(axis=-1) for task in scores], axis=-1)

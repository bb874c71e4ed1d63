"""Means over runs with Student's t intervals: m ± t s / √R, for runs whose scores are about normal.

A bootstrap of two or three runs is no more than their range, which holds the true mean in about half and three quarters
of cases; t is right for any number (Student 1908). Of two runs t is 12.7, and the interval says nothing: there is none.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from wmzoo.statistics.aggregates import Array
from wmzoo.statistics.bootstrap import LEVEL, Estimate

FEWEST = 3  # runs


def mean_with_interval(scores: Array) -> Estimate:
    """The mean over the last axis with its 95% interval, NaN of fewer than three runs: [..., R] -> [...]."""
    runs, value = scores.shape[-1], scores.mean(axis=-1)
    if runs < FEWEST:
        return Estimate(value, np.full_like(value, np.nan), np.full_like(value, np.nan))
    width = float(stats.t.ppf((1 + LEVEL) / 2, runs - 1)) * scores.std(axis=-1, ddof=1) / np.sqrt(runs)
    return Estimate(value, value - width, value + width)

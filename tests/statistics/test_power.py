"""Welch's test, Holm's correction and the power of both, against scipy, hand and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from wmzoo.statistics.power import detectable, holm, p_value, seeds_for

A, B = np.array([3.0, 5.0, 4.0, 9.0]), np.array([7.0, 8.5, 12.0])


def of_spread(runs: int, deviation: float, mean: float = 0.0) -> np.ndarray:
    """Numbers with exactly this mean and standard deviation."""
    drawn = np.random.default_rng(runs).normal(size=runs)
    return mean + deviation * (drawn - drawn.mean()) / drawn.std(ddof=1)


def test_on_one_task_it_is_scipy_s_welch_test():
    assert p_value([A], [B]) == pytest.approx(stats.ttest_ind(A, B, equal_var=False).pvalue, rel=1e-12)


def test_over_tasks_it_tests_the_mean_of_their_differences():
    # Two tasks, all groups with variance 1 and four runs: the mean difference has variance (4 × 1/4) / 4, 12 degrees.
    groups = [of_spread(4, 1.0, mean) for mean in (0.0, 1.0, 0.5, 2.5)]
    p = 2 * stats.t.sf((0.5 + 1.5) / 2 / 0.5, 12)
    assert p_value([groups[0], groups[1]], [groups[2], groups[3]]) == pytest.approx(p, rel=1e-9)


@pytest.mark.parametrize(("x", "y", "p"), [([2.0, 2.0], [2.0, 2.0], 1.0), ([2.0, 2.0], [3.0, 3.0], 0.0)])
def test_without_any_spread_every_difference_is_one(x, y, p):
    assert p_value([np.array(x)], [np.array(y)]) == p


def test_one_run_tests_nothing():
    alone = np.array([1.0])
    assert math.isnan(p_value([alone], [A])) and math.isnan(detectable([A], [alone]))
    assert math.isnan(seeds_for(1.0, [A], [alone]))


def test_holm_multiplies_the_smallest_by_all_the_next_by_one_less_and_never_falls():
    assert holm([0.01, 0.04, 0.03, 0.5]) == pytest.approx([0.04, 0.09, 0.09, 0.5])
    assert holm([0.4, float("nan"), 0.6])[::2] == pytest.approx([0.8, 0.8])


@pytest.mark.parametrize(("runs", "among"), [(5, 1), (10, 5)])  # among five tasks the announced study has ten runs
def test_a_difference_as_large_as_said_is_shown_in_four_of_five_studies(runs, among):
    studies = 20_000
    size = detectable([of_spread(runs, 1.0)], [of_spread(runs, 2.0)], among)
    generator = np.random.default_rng(0)
    x = generator.normal(size, 1.0, (runs, studies))
    y = generator.normal(0.0, 2.0, (runs, studies))
    shown = (among * stats.ttest_ind(x, y, equal_var=False).pvalue < 0.05).mean()  # as Holm the smallest
    assert shown == pytest.approx(0.8, abs=0.02)  # the spread is estimated anew in each: Welch's test is approximate


def test_the_seeds_named_show_the_effect_and_one_less_does_not():
    x, y, effect = of_spread(5, 1.0), of_spread(5, 2.0), 0.7
    seeds = int(seeds_for(effect, [x], [y]))
    assert detectable([of_spread(seeds, 1.0)], [of_spread(seeds, 2.0)]) <= effect
    assert detectable([of_spread(seeds - 1, 1.0)], [of_spread(seeds - 1, 2.0)]) > effect
    assert seeds_for(1e-9, [x], [y]) == math.inf
    of_five = int(seeds_for(effect, [x], [y], among=5))
    assert of_five > seeds and detectable([of_spread(of_five, 1.0)], [of_spread(of_five, 2.0)], among=5) <= effect
    assert detectable([of_spread(of_five - 1, 1.0)], [of_spread(of_five - 1, 2.0)], among=5) > effect

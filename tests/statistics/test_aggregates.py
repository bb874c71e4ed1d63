"""The statistics by hand, their laws, and rliable's figures for the same scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import scipy.stats
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wmzoo.statistics import aggregates

PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the machine may be busy
SCORES = arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(1, 4)), elements=st.integers(-20, 20).map(float))


def by_task(matrix: np.ndarray) -> list[np.ndarray]:
    """rliable's [runs, tasks] as one array per task."""
    return list(matrix.T)


def test_mean_and_median_are_those_of_the_tasks_means() -> None:
    scores = [np.array([0.0, 2.0]), np.array([4.0]), np.array([10.0, 10.0, 40.0])]  # means 1, 4 and 20
    assert aggregates.mean(scores) == pytest.approx(25 / 3)
    assert aggregates.median(scores) == 4.0


@pytest.mark.parametrize(
    ("pooled", "expected"),
    [([5], 5), ([1, 2, 9], 4), ([0, 1, 3, 100], 2), ([9, 1, 2, 3, 4, 5, 6, 100], 4.5), ([0, 1, 2, 3, 40], 2)],
)
def test_iqm_is_the_mean_of_the_middle_half(pooled: list[float], expected: float) -> None:
    half = len(pooled) // 2
    scores = [np.array(part, dtype=float) for part in (pooled[:half], pooled[half:]) if part]
    assert aggregates.iqm(scores) == pytest.approx(expected)


def test_probability_of_improvement_counts_pairs_and_half_of_the_ties_task_by_task() -> None:
    x = [np.array([1.0, 3.0]), np.array([5.0])]
    y = [np.array([1.0, 2.0]), np.array([7.0, 8.0, 9.0])]  # (0.5 + 0 + 1 + 1) / 4, and 0
    assert aggregates.probability_of_improvement(x, y) == pytest.approx(0.625 / 2)


def test_performance_profile_is_the_share_of_runs_above_each_threshold() -> None:
    scores = [np.array([0.0, 0.5]), np.array([0.5, 1.0])]
    assert aggregates.performance_profile(scores, np.array([-1.0, 0.0, 0.5, 1.0])).tolist() == [1.0, 0.75, 0.25, 0.0]


def test_area_under_curve_is_the_mean_height_between_two_points() -> None:
    x, y = np.array([0.0, 10.0, 20.0]), np.array([0.0, 10.0, 0.0])
    assert aggregates.area_under_curve(x, y, 0, 20) == pytest.approx(5.0)
    assert aggregates.area_under_curve(x, y, 5, 15) == pytest.approx(7.5)
    assert aggregates.area_under_curve(x, y + 10, 20, 40) == pytest.approx(10.0)  # the last value holds
    assert aggregates.area_under_curve(x, y, 10, 10) == pytest.approx(10.0)  # a single evaluation


def test_time_to_threshold_is_where_the_curve_first_crosses_it() -> None:
    x, y = np.array([10.0, 20.0, 30.0, 40.0]), np.array([0.0, 10.0, 5.0, 20.0])
    assert aggregates.time_to_threshold(x, y, 5.0) == pytest.approx(15.0)
    assert aggregates.time_to_threshold(x, y, 15.0) == pytest.approx(30 + 10 * 10 / 15)
    assert aggregates.time_to_threshold(x, y, 0.0) == 10.0
    assert aggregates.time_to_threshold(x, y, 20.5) == np.inf


@PATIENT
@given(SCORES)
def test_a_bootstrap_s_axes_in_front_change_nothing(matrix: np.ndarray) -> None:
    scores = by_task(matrix)
    stacked = [np.stack([task, task + 1.0]) for task in scores]
    for statistic in (aggregates.mean, aggregates.median, aggregates.iqm):
        assert statistic(stacked) == pytest.approx(np.stack([statistic(scores), statistic(scores) + 1.0]))


@PATIENT
@given(SCORES, st.floats(0.1, 10), st.floats(-5, 5))
def test_aggregates_follow_scale_and_shift_and_lie_between_the_extremes(
    matrix: np.ndarray, scale: float, shift: float
) -> None:
    scores = by_task(matrix)
    for statistic in (aggregates.mean, aggregates.median, aggregates.iqm):
        value = statistic(scores)
        assert matrix.min() - 1e-9 <= value <= matrix.max() + 1e-9
        assert statistic([scale * task + shift for task in scores]) == pytest.approx(scale * value + shift, abs=1e-6)


@PATIENT
@given(SCORES, SCORES)
def test_probabilities_of_improvement_of_both_sides_add_up_to_one(x: np.ndarray, y: np.ndarray) -> None:
    tasks = min(x.shape[1], y.shape[1])
    a, b = by_task(x[:, :tasks]), by_task(y[:, :tasks])
    there, back = aggregates.probability_of_improvement(a, b), aggregates.probability_of_improvement(b, a)
    assert there + back == pytest.approx(1.0)
    assert aggregates.probability_of_improvement(a, a) == pytest.approx(0.5)
    u = [scipy.stats.mannwhitneyu(p, q).statistic / (p.size * q.size) for p, q in zip(a, b, strict=True)]
    assert there == pytest.approx(np.mean(u))


@PATIENT
@given(SCORES)
def test_a_profile_falls_and_its_area_is_the_mean(matrix: np.ndarray) -> None:
    thresholds = np.linspace(-20.5, 20.5, 42)  # between the integers: the staircase is summed exactly
    profile = aggregates.performance_profile(by_task(matrix), thresholds)
    assert np.all(np.diff(profile) <= 0) and profile[0] == 1.0 and profile[-1] == 0.0
    assert profile.sum() - 21 == pytest.approx(matrix.mean())  # an integer s is above s + 21 of the thresholds


@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (5, 5), (10, 26)])
def test_rliable_gives_the_same_figures(shape: tuple[int, int]) -> None:
    pytest.importorskip("rliable", reason="no release for this Python")
    from rliable import library, metrics

    generator = np.random.default_rng(sum(shape))
    x, y = np.round(generator.uniform(size=(2, *shape)), 1)  # rounded: with ties
    a, b = by_task(x), by_task(y)
    oracles: Sequence[tuple[object, object]] = [
        (aggregates.mean(a), metrics.aggregate_mean(x)),
        (aggregates.median(a), metrics.aggregate_median(x)),
        (aggregates.iqm(a), metrics.aggregate_iqm(x)),
        (aggregates.probability_of_improvement(a, b), metrics.probability_of_improvement(x, y)),
    ]
    for ours, theirs in oracles:
        assert ours == pytest.approx(theirs, abs=1e-12)
    thresholds = np.linspace(-0.05, 1.05, 12)
    theirs = library.score_distributions(x, thresholds)
    assert aggregates.performance_profile(a, thresholds) == pytest.approx(theirs, abs=1e-12)

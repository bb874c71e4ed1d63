"""Intervals: reproducible, as wide as rliable's, and as good as the report says."""

from __future__ import annotations

import numpy as np
import pytest

from wmzoo.statistics import aggregates
from wmzoo.statistics.bootstrap import Estimate, counts, draw, estimate, which


def difference(x: list[np.ndarray], y: list[np.ndarray]) -> np.ndarray:
    return aggregates.mean(x) - aggregates.mean(y)


def test_runs_are_drawn_within_their_task_and_tasks_kept() -> None:
    scores = [np.array([1.0, 2.0]), np.array([10.0, 20.0, 30.0])]
    first, second = draw(scores, which(counts(scores), 500, np.random.default_rng(0)))
    assert first.shape == (500, 2) and second.shape == (500, 3)
    assert set(first.ravel()) == {1.0, 2.0} and set(second.ravel()) == {10.0, 20.0, 30.0}
    assert (first[:, 0] != first[:, 1]).any() and (first[:, 0] == first[:, 1]).any()


def test_points_of_a_curve_are_drawn_together() -> None:
    curve = np.array([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]])  # two points, three runs
    (drawn,) = draw([curve], which([3], 50, np.random.default_rng(0)))
    assert drawn.shape == (2, 50, 3)
    assert np.array_equal(10 * drawn[0], drawn[1])


def test_the_same_seed_gives_the_same_interval_and_another_seed_nearly() -> None:
    scores = [np.random.default_rng(1).normal(size=8)]
    first, again, other = (estimate(aggregates.mean, scores, repetitions=5000, seed=seed) for seed in (3, 3, 4))
    assert (first.low, first.high) == (again.low, again.high) != (other.low, other.high)
    assert (first.low, first.high) == pytest.approx((other.low, other.high), abs=0.05)


def test_the_two_values_of_two_runs_bound_the_interval_of_their_mean() -> None:
    found = estimate(aggregates.mean, [np.array([0.0, 1.0])], repetitions=4000, seed=0)
    assert (found.low, found.value, found.high) == (0.0, 0.5, 1.0)  # each end is a quarter of all draws


def test_a_single_run_has_no_interval_and_shows_no_difference() -> None:
    found = estimate(difference, [np.array([1.0])], [np.array([5.0, 6.0])], repetitions=100, seed=0)
    assert found.value == -4.5 and not found.has_interval and not found.excludes(0.0)


def test_an_interval_that_touches_zero_covers_it() -> None:
    assert not Estimate(np.array(1.0), np.array(0.0), np.array(2.0)).excludes(0.0)
    assert Estimate(np.array(1.0), np.array(0.1), np.array(2.0)).excludes(0.0)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(5, 5), (10, 3)])
def test_rliable_s_intervals_are_the_same_up_to_the_draw(shape: tuple[int, int]) -> None:
    pytest.importorskip("rliable", reason="no release for this Python")
    from rliable import library, metrics

    x, y = np.random.default_rng(0).uniform(size=(2, *shape))
    a, b = list(x.T), list(y.T)
    np.random.seed(0)  # rliable draws from the global state whatever it is given
    _, theirs = library.get_interval_estimates(
        {"x": x},
        lambda s: np.array([metrics.aggregate_mean(s), metrics.aggregate_median(s), metrics.aggregate_iqm(s)]),
        reps=1000,
    )
    for i, statistic in enumerate((aggregates.mean, aggregates.median, aggregates.iqm)):
        ours = estimate(statistic, a, repetitions=4000, seed=0)
        assert (ours.low, ours.high) == pytest.approx(tuple(theirs["x"][:, i]), abs=0.015)
    _, pairs = library.get_interval_estimates({"x,y": (x, y)}, metrics.probability_of_improvement, reps=500)
    ours = estimate(aggregates.probability_of_improvement, a, b, repetitions=4000, seed=0)
    assert (ours.low, ours.high) == pytest.approx(tuple(pairs["x,y"][:, 0]), abs=0.03)


@pytest.mark.slow
@pytest.mark.parametrize(("seeds", "stated"), [(3, 0.81), (5, 0.89), (10, 0.92), (20, 0.93)])
def test_intervals_of_a_difference_cover_the_truth_as_often_as_the_report_says(seeds: int, stated: float) -> None:
    generator = np.random.default_rng(seeds)
    hits = [
        not estimate(difference, [x], [y], repetitions=600, seed=study).excludes(0.0)
        for study, (x, y) in enumerate(generator.normal(size=(1500, 2, seeds)))
    ]
    assert np.mean(hits) == pytest.approx(stated, abs=0.03)


def test_paired_seeds_would_cover_it_less_often() -> None:
    """Why the arms' seeds are drawn independently, though they share noise: docs/decisions.md."""
    studies = np.random.default_rng(5).normal(size=(1500, 2, 5))
    hits = [
        not estimate(aggregates.mean, [x - y], repetitions=600, seed=study).excludes(0.0)
        for study, (x, y) in enumerate(studies)
    ]
    assert np.mean(hits) == pytest.approx(0.84, abs=0.03)


def test_the_interval_of_an_iqm_over_tasks_covers_the_truth() -> None:
    generator = np.random.default_rng(0)
    centres = np.array([0.2, 0.5, 0.6, 0.7, 0.9])
    many = aggregates.iqm(list(centres[:, None] + 0.1 * generator.normal(size=(5, 100_000))))
    studies = centres[:, None] + 0.1 * generator.normal(size=(600, 5, 10))
    hits = [
        not estimate(aggregates.iqm, list(s), repetitions=600, seed=i).excludes(many) for i, s in enumerate(studies)
    ]
    assert 0.88 <= np.mean(hits) <= 0.98

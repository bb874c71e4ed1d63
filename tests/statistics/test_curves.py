"""Equal steps and equal seconds, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from wmzoo.statistics.curves import common_grid, equal_seconds, equal_steps, on_grid, score_at, trailing_mean

STEPS, RETURNS = np.array([10.0, 20.0, 30.0, 40.0]), np.array([0.0, 6.0, 9.0, 3.0])


def test_trailing_mean_takes_what_there_is_at_the_beginning() -> None:
    assert trailing_mean(RETURNS, 3).tolist() == [0.0, 3.0, 5.0, 6.0]
    assert trailing_mean(RETURNS, 1).tolist() == RETURNS.tolist()
    assert trailing_mean(RETURNS, 9).tolist() == [0.0, 3.0, 5.0, 4.5]


def test_a_score_is_the_mean_of_the_last_evaluations_interpolated_between_them_and_held_at_the_end() -> None:
    assert score_at(STEPS, RETURNS, 40, last=3) == pytest.approx(6.0)
    assert score_at(STEPS, RETURNS, 25, last=3) == pytest.approx(4.0)
    assert score_at(STEPS, RETURNS, 1000, last=3) == pytest.approx(6.0)


def test_equal_steps_are_the_last_that_every_run_has() -> None:
    assert equal_steps([[STEPS, STEPS[:3]], [STEPS]]) == 30.0
    assert np.isnan(equal_steps([[STEPS[:1]], [STEPS[1:]]]))


def test_equal_seconds_are_the_median_end_of_the_fastest_arm() -> None:
    fast = [np.array([1.0, end]) for end in (9.0, 10.0, 20.0)]
    slow = [np.array([5.0, end]) for end in (30.0, 40.0)]
    assert equal_seconds([slow, fast]) == 10.0
    assert np.isnan(equal_seconds([[np.array([11.0, 40.0])], fast]))  # not yet evaluated by then


def test_curves_are_put_on_the_points_that_all_share() -> None:
    xs = [np.array([1.0, 3.0, 5.0]), np.array([2.0, 4.0])]
    assert common_grid(xs).tolist() == [2.0, 3.0, 4.0]
    assert common_grid(xs, 3).tolist() == [2.0, 3.0, 4.0]
    assert common_grid([np.array([1.0]), np.array([2.0])]).size == 0
    assert common_grid([np.array([2.0])], 5).tolist() == [2.0]
    values = on_grid(common_grid(xs), xs, [np.array([0.0, 2.0, 4.0]), np.array([10.0, 30.0])])
    assert values.tolist() == [[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]]  # [points, runs]

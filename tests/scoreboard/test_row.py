"""Scores at equal steps and in equal time, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from wmzoo.scoreboard.row import Evaluations, Row, TaskRow

STEPS = [20_000.0, 40_000.0, 60_000.0, 80_000.0, 100_000.0]


def task(*returns: list[float], ratio: float | None = None, steps: list[float] = STEPS) -> TaskRow:
    seeds = {str(seed): Evaluations(steps[: len(of)], of) for seed, of in enumerate(returns)}
    return TaskRow("", {}, None, seeds, ratio=ratio)


def value(row: TaskRow, steps: float, seconds: bool = False) -> float | None:
    found = row.at_seconds(steps) if seconds else row.at_steps(steps)
    return None if found is None else float(found.value)


def test_a_score_is_the_mean_of_three_evaluations_interpolated_over_steps() -> None:
    """Means of the last three so far: 0, 50, 100, 200, 300."""
    row = task([0, 100, 200, 300, 400])
    assert value(row, 60_000) == 100 and value(row, 50_000) == 75 and value(row, 100_000) == 300


def test_an_arm_of_twice_the_cost_is_taken_at_half_the_steps() -> None:
    row = task([0, 100, 200, 300, 400], ratio=2.0)
    assert value(row, 100_000, seconds=True) == value(row, 50_000) == 75


def test_before_its_first_evaluation_and_after_its_end_there_is_no_score() -> None:
    slow, short = task([0, 100, 200, 300, 400], ratio=6.0), task([0, 100, 200], ratio=1.0)
    assert value(slow, 100_000, seconds=True) is None  # at 16,667 steps
    assert value(short, 100_000) is None and value(short, 100_000, seconds=True) is None
    assert value(task([0, 100, 200, 300, 400]), 100_000, seconds=True) is None  # not timed


def test_a_faster_arm_counts_with_its_last_score_where_its_run_is_over() -> None:
    assert value(task([0, 100, 200, 300, 400], ratio=0.5), 100_000, seconds=True) == 300
    assert value(task([0, 100, 200, 300, 400], ratio=0.5), 40_000, seconds=True) == 200  # at 80,000 steps


def test_a_slower_arm_s_shorter_run_counts_as_far_as_it_goes() -> None:
    assert value(task([0, 100, 200], ratio=2.0), 100_000, seconds=True) == 75


def test_a_run_of_nearly_as_many_steps_counts() -> None:
    assert value(task([0, 300], steps=[50_000, 99_000]), 100_000) == 150
    assert value(task([0, 300], steps=[50_000, 98_000]), 100_000) is None


def test_a_mean_is_of_all_seeds_or_there_is_none() -> None:
    two = task([0, 100, 200, 300, 400], [9, 9, 9], ratio=1.0)
    assert value(two, 60_000) == (100 + 9) / 2 and value(two, 60_000, seconds=True) == (100 + 9) / 2
    assert value(two, 100_000) is None and value(two, 100_000, seconds=True) is None


def test_intervals_are_over_three_seeds_or_more() -> None:
    """Scores of 300, 0 and 150: 150 ± t s / √3 with t = 4.3027 for two degrees of freedom (of any table), s = 150."""
    runs = ([0, 100, 200, 300, 400], [0.0] * 5, [150.0] * 5)
    found = task(*runs).at_steps(100_000)
    assert found and found.has_interval and float(found.value) == 150
    assert [150 - float(found.low), float(found.high) - 150] == pytest.approx([4.30265 * 150 / 3**0.5] * 2, rel=1e-5)
    for fewer in (runs[:1], runs[:2]):
        few = task(*fewer).at_steps(100_000)
        assert few and not few.has_interval


def test_the_curve_is_the_mean_at_the_steps_that_all_seeds_have() -> None:
    curve = task([0, 100, 200], [10, 110, 210, 310]).curve()
    np.testing.assert_allclose(curve.x, STEPS[:3])
    np.testing.assert_allclose(curve.y.value, [5, 105, 205])
    assert curve.runs == 2


def test_a_row_s_mean_is_over_all_of_the_tasks_asked_for_and_its_ratio_the_median() -> None:
    tasks = {"a": task([0, 0, 300, 300, 300], ratio=1.5), "b": task([0, 0, 600, 600, 600], ratio=3.5), "c": task([1])}
    row = Row("x", [], "", {}, tasks)
    assert row.mean(["a", "b"], 100_000) == pytest.approx(450)
    assert row.mean(["a", "c"], 100_000) is None and row.mean(["a", "d"], 100_000) is None
    assert row.ratio == 2.5

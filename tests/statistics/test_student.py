"""Student's t intervals against a table of t, and how often they hold the mean that the scores were drawn from."""

from __future__ import annotations

import numpy as np
import pytest

from wmzoo.statistics.student import mean_with_interval

T = {3: 4.303, 5: 2.776, 10: 2.262}  # 97.5%, R - 1 degrees of freedom: any textbook's table


@pytest.mark.parametrize("runs", T)
def test_the_half_width_is_t_standard_errors(runs: int) -> None:
    scores = np.arange(runs, dtype=float)
    found = mean_with_interval(scores)
    mean = sum(scores) / runs
    error = (sum((score - mean) ** 2 for score in scores) / (runs - 1) / runs) ** 0.5
    assert float(found.value) == mean
    assert [mean - float(found.low), float(found.high) - mean] == pytest.approx([T[runs] * error] * 2, rel=3e-4)


def test_of_fewer_than_three_runs_there_is_a_mean_and_no_interval() -> None:
    for scores, mean in (([7.0], 7.0), ([1.0, 2.0], 1.5)):
        found = mean_with_interval(np.array(scores))
        assert float(found.value) == mean and np.isnan([found.low, found.high]).all()


def test_three_runs_hold_the_true_mean_in_95_percent_of_cases() -> None:
    """Their range, which a bootstrap of three runs amounts to, holds it in 75%."""
    scores = np.random.default_rng(0).normal(5.0, 2.0, (20_000, 3))
    found = mean_with_interval(scores)
    held = ((found.low <= 5.0) & (found.high >= 5.0)).mean()
    assert found.value.shape == (20_000,) and held == pytest.approx(0.95, abs=0.006)  # four standard errors

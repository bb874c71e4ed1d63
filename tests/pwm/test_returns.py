"""Returns and targets against loops written from the formulas."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from returns_by_hand import ENDS, TERMINATED, TRUNCATED, column, columns, flags, lambda_return

from wmzoo.pwm.returns import segment_discounts, td_lambda_targets


@given(columns(), st.floats(0.5, 1), st.floats(0, 1))
def test_td_lambda_targets_are_the_forward_view_of_the_lambda_return(
    rollout: tuple[list[float], list[float], list[int]], gamma: float, lam: float
) -> None:
    rewards, values, ends = rollout
    targets = td_lambda_targets(column(rewards), column(values), *flags(ends), gamma, lam)
    expected = [lambda_return(t, rewards, values, ends, gamma, lam) for t in range(len(rewards))]
    assert targets.squeeze(1).tolist() == pytest.approx(expected, abs=1e-9)


def test_lambda_zero_is_one_step_and_lambda_one_goes_to_the_end() -> None:
    rewards, values, ends = [1.0, 2.0, 3.0, 4.0], [10.0, 20.0, 30.0, 40.0], [0, TERMINATED, 0, 0]
    one_step = td_lambda_targets(column(rewards), column(values), *flags(ends), 0.5, 0.0)
    assert one_step.squeeze(1).tolist() == [1 + 5, 2, 3 + 15, 4 + 20]
    to_the_end = td_lambda_targets(column(rewards), column(values), *flags(ends), 0.5, 1.0)
    assert to_the_end.squeeze(1).tolist() == [1 + 1, 2, 3 + 2 + 10, 4 + 20]


def test_a_truncation_bootstraps_and_a_termination_does_not() -> None:
    rewards, values = [1.0, 1.0], [7.0, 9.0]
    for end, first in ((TRUNCATED, 1 + 0.5 * 7), (TERMINATED, 1.0)):
        targets = td_lambda_targets(column(rewards), column(values), *flags([end, 0]), 0.5, 0.95)
        assert targets.squeeze(1).tolist() == [first, 1 + 0.5 * 9]


def test_a_value_beyond_a_termination_is_not_even_looked_at() -> None:
    values = column([float("inf"), 2.0])
    targets = td_lambda_targets(column([1.0, 1.0]), values, *flags([TERMINATED, 0]), 0.5, 0.5)
    assert targets.squeeze(1).tolist() == [1.0, 2.0]


@given(st.lists(ENDS, min_size=1, max_size=8), st.floats(0.5, 1))
def test_discounts_count_the_steps_since_the_last_end(ends: list[int], gamma: float) -> None:
    expected, age = [], 0
    for end in ends:
        expected.append(gamma**age)
        age = 0 if end else age + 1
    assert segment_discounts(flags(ends)[0], gamma).squeeze(1).tolist() == pytest.approx(expected, abs=1e-12)

"""Numbers as a reader wants them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from wmzoo.reports.words import counted, interval, number, typed
from wmzoo.statistics.bootstrap import Estimate


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (133248, "133,248"),
        (-7, "−7"),
        (0.0, "0"),
        (1234.5, "1,234"),
        (99.95, "100"),
        (99.94, "99.9"),
        (0.98765, "0.988"),
        (0.012345, "0.012"),
        (0.00012345, "0.000123"),
        (-0.5, "−0.500"),
        (-1e-9, "−1e-09"),
    ],
)
def test_a_number_has_three_digits_and_a_real_minus(value: float | None, said: str) -> None:
    assert number(value) == said


def test_an_interval_stands_in_brackets_where_there_is_one() -> None:
    of = lambda *ends: Estimate(*(np.array(end) for end in ends))  # noqa: E731
    assert interval(of(868.2, 850.0, 880.4)) == "868 [850, 880]"
    assert interval(of(868.2, math.nan, math.nan)) == "868"


def test_one_is_singular_and_values_are_said_as_they_are_typed() -> None:
    assert [counted(n, "seed") for n in (0, 1, 3)] == ["0 seeds", "1 seed", "3 seeds"]
    assert [typed(value) for value in (None, True, False, [256, 256], 0.5)] == [
        *("null", "true", "false", "[256,256]", "0.5"),
    ]

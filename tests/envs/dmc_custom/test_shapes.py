"""Shapes of rewards against numbers worked out by hand."""

import pytest

from wmzoo.envs.dmc_custom.shapes import gaussian, linear


@pytest.mark.parametrize(
    ("x", "expected"),
    [(8, 1), (9, 1), (8 - 1e-9, 1), (6, 0.75), (4, 0.5), (2, 0.25), (0.5, 0.0625), (0, 0), (-1, 0)],
)
def test_a_linear_shape_falls_in_a_straight_line_to_zero_and_stays_there(x, expected):
    assert linear(x, least=8, margin=4, at_margin=0.5) == pytest.approx(expected, abs=1e-8)
    assert linear(x, least=8, margin=8, at_margin=0) == pytest.approx(expected, abs=1e-8)  # the same line


def test_a_linear_shape_is_its_given_value_a_margin_below():
    assert linear(1.5, least=2, margin=0.5, at_margin=0.8) == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("x", "expected"), [(1.2, 1), (2, 1), (1.2 - 1e-9, 1), (0.6, 0.1), (0.9, 0.1**0.25), (0, 1e-4), (-0.6, 1e-9)]
)
def test_a_gaussian_shape_is_a_tenth_a_margin_below(x, expected):
    assert gaussian(x, least=1.2, margin=0.6) == pytest.approx(expected)

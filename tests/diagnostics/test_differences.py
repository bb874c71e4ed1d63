"""Derivatives by differences, of functions whose derivatives are known."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from wmzoo.diagnostics.differences import STEPS, Derivative, derivative, rough, stencil


def at(a: float, f: Callable[[Tensor], Tensor]) -> Derivative:
    """The derivative at a of f, which takes and gives float64."""
    where = torch.tensor([a], dtype=torch.float64)
    used = stencil(where)
    there = torch.stack([torch.stack([f(where + step * offset) for offset in used.offsets]) for step in STEPS])
    return derivative(f(where)[None], there.unsqueeze(2), used)


def is_rough(found: Derivative) -> bool:
    return bool(rough(found, torch.zeros(1)))


@pytest.mark.parametrize("a", [0.3, -0.999, 1.0])
def test_a_smooth_function_is_differentiated_to_many_digits(a: float) -> None:
    found = at(a, lambda x: (3 * x).sin())
    assert float(found.value) == pytest.approx(3 * math.cos(3 * a), abs=1e-8)
    assert not is_rough(found)


@pytest.mark.parametrize(("a", "degree"), [(0.5, 4), (1.0, 3), (-1.0, 3)])
def test_richardson_leaves_no_error_of_polynomials_up_to_the_order(a: float, degree: int) -> None:
    found = at(a, lambda x: sum(x**power for power in range(degree + 1)))
    exact = sum(power * a ** (power - 1) for power in range(1, degree + 1))
    assert float(found.value) == pytest.approx(exact, abs=1e-9)


def test_the_error_that_is_left_is_of_the_fourth_order() -> None:
    """Of C x⁵ at 0 an estimate is C ε⁴; of ε and ε/4 the extrapolation makes (16 (ε/4)⁴ − ε⁴) C / 15 = −C ε⁴ / 16."""
    found = at(0.0, lambda x: 1e12 * x**5)
    assert float(found.value) == pytest.approx(-1e12 * STEPS[1] ** 4 / 16)


def test_curvature_is_no_kink() -> None:
    found = at(0.2, lambda x: 50 * (x - 0.1) ** 2)
    assert float(found.value) == pytest.approx(10) and not is_rough(found)


@pytest.mark.parametrize("distance", [0.0, 1e-4, -1e-4, 7e-4])
def test_a_kink_within_the_shorter_steps_is_told(distance: float) -> None:
    assert is_rough(at(0.2, lambda x: (x - 0.2 - distance).abs() + x))


@pytest.mark.parametrize("distance", [2e-3, -3e-3, 0.1])
def test_a_kink_that_the_shorter_steps_do_not_reach_is_none(distance: float) -> None:
    found = at(0.2, lambda x: (x - 0.2 - distance).abs() + 3 * x)
    assert not is_rough(found) and float(found.value) == pytest.approx(3 - (1 if distance > 0 else -1))


def test_a_jump_is_told() -> None:
    assert is_rough(at(0.2, lambda x: x + 0.01 * (x > 0.2)))


@pytest.mark.parametrize("a", [1.0, 0.9999, -0.9985, -1.0])
def test_at_a_bound_all_steps_are_inward_and_clipping_is_not_met(a: float) -> None:
    found = at(a, lambda x: torch.where(x.abs() <= 1, x**2, 7.0))
    assert float(found.value) == pytest.approx(2 * a) and not is_rough(found)


def test_where_rounding_drowns_short_steps_the_long_ones_count() -> None:
    """Of float32 values around 10, whose rounding is 1e-6: over the shortest step that is an error of 2e-3."""
    found = at(0.3, lambda x: (10 + x.sin()).float().double())
    assert float(found.value) == pytest.approx(math.cos(0.3), abs=2e-3)

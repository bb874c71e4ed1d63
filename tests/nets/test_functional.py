"""Mish and softmax as the project computes them, against the formulas written with the math module."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from wmzoo.nets.functional import mish, softmax

ORDINARY = st.floats(-30, 30)


def mish_by_formula(x: float) -> float:
    softplus = x + math.log1p(math.exp(-x)) if x > 0 else math.log1p(math.exp(x))
    return x * math.tanh(softplus)


def softmax_by_formula(row: list[float]) -> list[float]:
    weights = [math.exp(x - max(row)) for x in row]
    return [weight / math.fsum(weights) for weight in weights]


@given(st.lists(ORDINARY, min_size=1, max_size=9))
def test_mish_is_x_times_tanh_of_softplus(row: list[float]) -> None:
    out = mish(torch.tensor(row, dtype=torch.float64))
    assert out.tolist() == pytest.approx([mish_by_formula(x) for x in row], abs=1e-9)


@given(st.lists(ORDINARY, min_size=1, max_size=9))
def test_softmax_is_the_normalised_exponential(row: list[float]) -> None:
    out = softmax(torch.tensor(row, dtype=torch.float64))
    assert out.tolist() == pytest.approx(softmax_by_formula(row), abs=1e-9)


@given(ORDINARY)
def test_the_slope_of_mish_is_that_of_the_formula(x: float) -> None:
    point = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    mish(point).backward()
    h = 1e-5
    assert point.grad is not None
    slope = (mish_by_formula(x + h) - mish_by_formula(x - h)) / (2 * h)
    assert point.grad.item() == pytest.approx(slope, abs=1e-8)


@pytest.mark.parametrize("function", [mish, softmax])
def test_gradients_agree_with_finite_differences_in_float64(function) -> None:
    x = torch.randn(3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 3
    assert torch.autograd.gradcheck(function, (x.requires_grad_(),))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("function", [mish, softmax])
def test_extreme_inputs_give_finite_values_and_gradients(function, dtype: torch.dtype) -> None:
    x = torch.tensor([-1e4, -100.0, -88.0, 0.0, 19.9, 20.1, 88.0, 100.0, 1e4], dtype=dtype, requires_grad=True)
    out = function(x)
    (out * torch.arange(1.0, 10.0)).sum().backward()
    assert out.isfinite().all() and x.grad is not None and x.grad.isfinite().all()
    assert out.dtype == dtype


def test_mish_is_the_identity_far_to_the_right_and_zero_far_to_the_left() -> None:
    assert mish(torch.tensor([100.0, 25.0])).tolist() == [100.0, 25.0]
    assert mish(torch.tensor([-100.0])).item() == pytest.approx(0.0, abs=1e-30)


@pytest.mark.parametrize("function", [mish, softmax])
def test_vmap_and_jacrev_agree_with_a_loop_over_rows(function) -> None:
    rows = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    together = torch.func.vmap(torch.func.jacrev(function))(rows)
    for row, jacobian in zip(rows, together, strict=True):
        for j in range(3):
            step = torch.zeros(3, dtype=torch.float64)
            step[j] = 1e-6
            column = (function(row + step) - function(row - step)) / 2e-6
            assert torch.allclose(jacobian[:, j], column, atol=1e-8)


@pytest.mark.parametrize("function", [mish, softmax])
def test_inputs_are_left_as_they_were(function) -> None:
    x = torch.randn(6, generator=torch.Generator().manual_seed(2))
    before = x.clone()
    function(x)
    assert torch.equal(x, before)

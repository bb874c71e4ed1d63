"""SimNorm and the ways back onto the simplex: against formulas, a bisection, and the laws of a projection."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wmzoo.nets.simnorm import SimNorm, group, project_to_simplex, renormalise

VECTORS = arrays(np.float64, st.tuples(st.integers(1, 3).map(lambda groups: 4 * groups)), elements=st.floats(-5, 5))
WEIGHTS = arrays(np.float64, 4, elements=st.floats(0.0, 1.0)).filter(lambda w: w.sum() > 1e-3)


def project_by_bisection(v: np.ndarray) -> np.ndarray:
    """max(v − θ, 0), with θ found by bisection so that the sum is one."""
    low, high = v.min() - 1.0, v.max()
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if np.maximum(v - middle, 0).sum() > 1 else (low, middle)
    return np.maximum(v - (low + high) / 2, 0)


def on_simplices(z: torch.Tensor, size: int) -> bool:
    groups = z.reshape(*z.shape[:-1], -1, size)
    return bool((groups >= 0).all()) and torch.allclose(groups.sum(-1), torch.ones((), dtype=z.dtype), atol=1e-9)


@given(VECTORS)
def test_simnorm_is_a_softmax_over_each_group(v: np.ndarray) -> None:
    out = SimNorm(4)(torch.from_numpy(v))
    for start in range(0, len(v), 4):
        total = math.fsum(math.exp(x) for x in v[start : start + 4])
        expected = [math.exp(x) / total for x in v[start : start + 4]]
        assert out[start : start + 4].tolist() == pytest.approx(expected, abs=1e-9)


def test_simnorm_keeps_any_leading_dimensions() -> None:
    z = SimNorm(8)(torch.randn(3, 2, 16, dtype=torch.float64))
    assert z.shape == (3, 2, 16) and on_simplices(z, 8)


def test_a_width_without_whole_groups_is_refused() -> None:
    with pytest.raises(ValueError, match="width 12 has no whole groups of 8"):
        group(torch.zeros(12), 8)


@given(VECTORS)
def test_the_projection_agrees_with_a_bisection_on_its_threshold(v: np.ndarray) -> None:
    expected = np.concatenate([project_by_bisection(part) for part in v.reshape(-1, 4)])
    np.testing.assert_allclose(project_to_simplex(torch.from_numpy(v), 4).numpy(), expected, atol=1e-9)


@given(VECTORS)
def test_the_projection_lands_on_the_simplex_and_is_idempotent(v: np.ndarray) -> None:
    once = project_to_simplex(torch.from_numpy(v), 4)
    assert on_simplices(once, 4)
    assert torch.allclose(project_to_simplex(once, 4), once, atol=1e-12)


@given(WEIGHTS)
def test_both_retractions_are_the_identity_on_the_simplex(w: np.ndarray) -> None:
    z = torch.from_numpy(w / w.sum())
    assert torch.allclose(project_to_simplex(z, 4), z, atol=1e-9)
    assert torch.allclose(renormalise(z, 4), z, atol=1e-9)


@given(arrays(np.float64, 4, elements=st.floats(-3, 3)), st.integers(0, 2**31))
def test_no_point_of_the_simplex_is_nearer_than_the_projection(v: np.ndarray, seed: int) -> None:
    projected = project_to_simplex(torch.from_numpy(v), 4).numpy()
    others = np.random.default_rng(seed).dirichlet(np.full(4, 0.5), size=64)
    others = np.vstack([others, np.eye(4), 0.999 * projected + 0.001 * others[0]])
    assert (np.linalg.norm(others - v, axis=1) >= np.linalg.norm(projected - v) - 1e-12).all()


def test_the_gradient_of_the_projection_agrees_with_finite_differences() -> None:
    v = torch.tensor([[0.6, 0.5, -1.0, 0.2, 3.0, 0.1, 0.2, -0.7]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: project_to_simplex(x, 4), (v,))
    assert torch.autograd.gradcheck(lambda x: renormalise(x, 4), (v,))


def test_large_entries_are_projected_in_float32_too() -> None:
    z = project_to_simplex(torch.tensor([1e9, 0.0, -1e9, 5.0, 3e8, 3e8, 0.0, 0.0]), 4)
    assert z.tolist() == [1, 0, 0, 0, 0.5, 0.5, 0, 0]


def test_a_nan_spoils_its_own_group_and_raises_nothing() -> None:
    z = project_to_simplex(torch.tensor([math.nan, 0.0, 1.0, 2.0, 0.3, 0.7, 0.0, 0.0]), 4)
    assert z[:4].isnan().any() and z[4:].tolist() == pytest.approx([0.3, 0.7, 0.0, 0.0])


@given(VECTORS)
def test_renormalise_clips_at_zero_and_divides_by_the_sum(v: np.ndarray) -> None:
    for part in v.reshape(-1, 4):
        out = renormalise(torch.from_numpy(part), 4).numpy()
        positive = [max(x, 0.0) + 1e-12 for x in part.tolist()]
        np.testing.assert_allclose(out, [x / math.fsum(positive) for x in positive], atol=1e-9)


def test_a_group_without_a_positive_entry_becomes_uniform() -> None:
    assert renormalise(torch.tensor([-1.0, -2.0, 0.0, -0.5]), 4).tolist() == [0.25] * 4

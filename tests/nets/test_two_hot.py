"""The codes of the reward head, against NumPy and the definitions of symlog and two-hot."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from wmzoo.nets import ScalarCode, TwoHotCode, mlp
from wmzoo.nets.two_hot import symexp, symlog

REWARDS = st.floats(-2e4, 2e4)  # symlog within ±10


def float64(x: object) -> torch.Tensor:
    return torch.tensor(x, dtype=torch.float64)


def two_hot_by_hand(reward: float, width: int = 101, limit: float = 10.0) -> np.ndarray:
    """Search the two bins around symlog(reward) and share 1 by distance."""
    bins = np.linspace(-limit, limit, width)
    target = min(max(math.copysign(math.log1p(abs(reward)), reward), -limit), limit)
    weights = np.zeros(width)
    for i in range(width - 1):
        if bins[i] <= target <= bins[i + 1]:
            share = (target - bins[i]) / (bins[i + 1] - bins[i])
            weights[i], weights[i + 1] = 1 - share, share
            return weights
    raise AssertionError(target)


@given(REWARDS)
def test_symexp_undoes_symlog(x: float) -> None:
    assert symexp(symlog(float64(x))).item() == pytest.approx(x, rel=1e-12, abs=1e-12)
    assert symlog(float64(x)).item() == pytest.approx(math.copysign(math.log(1 + abs(x)), x), abs=1e-9)


@given(REWARDS)
def test_the_encoding_is_the_two_nearest_bins_with_the_mean_at_symlog(reward: float) -> None:
    weights = TwoHotCode().encode(float64([reward]))[0].numpy()
    np.testing.assert_allclose(weights, two_hot_by_hand(reward), atol=1e-9)
    assert weights.sum() == pytest.approx(1) and (weights > 0).sum() <= 2
    assert weights @ np.linspace(-10, 10, 101) == pytest.approx(
        math.copysign(math.log1p(abs(reward)), reward), abs=1e-9
    )


@given(st.floats(-2e4, 2e4))
def test_decoding_the_encoding_gives_the_reward_back(reward: float) -> None:
    code = TwoHotCode().double()
    raw = code.encode(float64([reward])).clamp_min(1e-300).log()
    assert code.decode(raw).item() == pytest.approx(reward, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(("reward", "bin"), [(1e9, 100), (-1e9, 0), (math.expm1(10.0), 100), (0.0, 50)])
def test_the_ends_are_clamped_and_bins_are_met_exactly(reward: float, bin: int) -> None:
    weights = TwoHotCode().encode(float64([reward]))[0]
    assert weights[bin].item() == pytest.approx(1, abs=1e-9) and weights.sum().item() == pytest.approx(1)


@given(st.lists(REWARDS, min_size=1, max_size=4), st.integers(0, 2**31))
def test_the_error_is_the_cross_entropy_against_the_encoding(rewards: list[float], seed: int) -> None:
    logits = np.random.default_rng(seed).normal(size=(len(rewards), 101)) * 3
    expected = []
    for reward, row in zip(rewards, logits, strict=True):
        log_sum = math.log(math.fsum(math.exp(x) for x in row))
        expected.append(-sum(w * (x - log_sum) for w, x in zip(two_hot_by_hand(reward), row, strict=True)))
    error = TwoHotCode().double().error(torch.from_numpy(logits), float64(rewards))
    assert error.tolist() == pytest.approx(expected, abs=1e-9)


def test_a_fresh_head_starts_at_ln_of_the_number_of_bins_and_predicts_zero() -> None:
    head, code = mlp(6, [8], 101, "mish").double(), TwoHotCode().double()
    raw = head(torch.randn(5, 6, dtype=torch.float64))
    assert code.error(raw, torch.linspace(-3, 900, 5, dtype=torch.float64)).tolist() == pytest.approx(
        [math.log(101)] * 5
    )
    assert code.decode(raw).tolist() == pytest.approx([0.0] * 5, abs=1e-12)


@pytest.mark.parametrize("in_reward_units", [True, False])
def test_the_decoded_reward_is_differentiable(in_reward_units: bool) -> None:
    code = TwoHotCode(11, 2.0, symexp=in_reward_units).double()
    raw = torch.randn(3, 11, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    assert torch.autograd.gradcheck(code.decode, (raw,))


def test_the_gradient_does_not_vanish_at_a_decoded_reward_of_exactly_zero() -> None:
    code = TwoHotCode(3, 1.0)
    raw = torch.zeros(1, 3, requires_grad=True)
    code.decode(raw).sum().backward()
    assert raw.grad is not None and raw.grad[0].tolist() == pytest.approx([-1 / 3, 0, 1 / 3])
    x = torch.zeros((), requires_grad=True)
    symexp(x).backward()
    assert x.grad == 1


def test_a_nan_reward_gives_a_nan_error_and_spoils_no_other() -> None:
    error = TwoHotCode().error(torch.zeros(3, 101), torch.tensor([1.0, math.nan, math.inf]))
    assert error.isnan().tolist() == [False, True, False]


def test_without_symexp_the_expectation_stays_in_symlog_space() -> None:
    raw = torch.randn(4, 101, dtype=torch.float64)
    plain = TwoHotCode(symexp=False).double().decode(raw)
    in_units = TwoHotCode(symexp=True).double().decode(raw)
    for a, b in zip(plain.tolist(), in_units.tolist(), strict=True):
        assert b == pytest.approx(math.copysign(math.exp(abs(a)) - 1, a), abs=1e-9)
    probabilities = np.exp(raw.numpy()) / np.exp(raw.numpy()).sum(1, keepdims=True)
    np.testing.assert_allclose(plain.numpy(), probabilities @ np.linspace(-10, 10, 101), atol=1e-9)


def test_a_single_bin_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 bins"):
        TwoHotCode(1)


def test_the_scalar_code_is_the_number_itself_with_its_squared_error() -> None:
    raw = float64([[1.5], [-2.0]])
    assert ScalarCode().decode(raw).tolist() == [1.5, -2.0]
    assert ScalarCode().error(raw, float64([1.0, 1.0])).tolist() == [0.25, 9.0]

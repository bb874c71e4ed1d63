"""The policy against a NumPy forward pass, and its exploration noise."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm

from wmzoo.nets import Actor
from wmzoo.nets.actor import HIGH, LOW, MIDDLE, MIN_LOG_STD, squashed_log_density
from wmzoo.nets.functional import bounded


def mean_by_numpy(actor: Actor, z: np.ndarray) -> np.ndarray:
    """Linear → Mish → LayerNorm blocks and a plain last layer, read off the state dict."""
    weights = {name: value.numpy() for name, value in actor.mean.state_dict().items()}
    last = max(int(name.split(".")[0]) for name in weights)
    x = z
    for i in range(0, last, 3):
        x = x @ weights[f"{i}.weight"].T + weights[f"{i}.bias"]
        x = x * np.tanh(np.logaddexp(0, x))
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
        x = x * weights[f"{i + 2}.weight"] + weights[f"{i + 2}.bias"]
    return x @ weights[f"{last}.weight"].T + weights[f"{last}.bias"]


@pytest.fixture
def actor() -> Actor:
    torch.manual_seed(0)
    return Actor(6, 2, [5, 4]).double()


def test_without_noise_the_action_is_the_tanh_of_the_mean(actor: Actor) -> None:
    z = torch.randn(3, 7, 6, dtype=torch.float64)
    np.testing.assert_allclose(actor(z).detach().numpy(), np.tanh(mean_by_numpy(actor, z.numpy())), atol=1e-9)


def test_noise_is_scaled_by_the_initial_std_of_exp_minus_one(actor: Actor) -> None:
    z, noise = torch.randn(4, 6, dtype=torch.float64), torch.randn(4, 2, dtype=torch.float64)
    expected = np.tanh(mean_by_numpy(actor, z.numpy()) + math.exp(-1) * noise.numpy())
    np.testing.assert_allclose(actor(z, noise).detach().numpy(), expected, atol=1e-9)


def test_the_log_std_has_a_floor(actor: Actor) -> None:
    z, noise = torch.randn(4, 6, dtype=torch.float64), torch.randn(4, 2, dtype=torch.float64)
    with torch.no_grad():
        actor.log_std.copy_(torch.tensor([-5.0, 0.5]))
    std = np.exp([MIN_LOG_STD, 0.5])
    expected = np.tanh(mean_by_numpy(actor, z.numpy()) + std * noise.numpy())
    np.testing.assert_allclose(actor(z, noise).detach().numpy(), expected, atol=1e-9)
    assert MIN_LOG_STD == -1.427


def test_the_noise_level_does_not_depend_on_the_state(actor: Actor) -> None:
    assert actor.log_std.shape == (2,) and actor.log_std.requires_grad


# ── a spread of the latent's own, and the density ──


@pytest.fixture
def spread() -> Actor:
    torch.manual_seed(0)
    return Actor(6, 2, [5, 4], std="state").double()


def test_the_spread_depends_on_the_latent_within_its_bounds(spread: Actor) -> None:
    last = spread.mean[-1]
    with torch.no_grad():
        last.weight.mul_(1000)
    mean, log_std = spread.gaussian(torch.randn(200, 6, dtype=torch.float64))
    assert mean.shape == log_std.shape == (200, 2)
    assert -3 <= log_std.min() < -2.9 and 0.4 < log_std.max() <= 0.5


def test_at_first_the_policy_is_nearly_the_same_everywhere(spread: Actor) -> None:
    mean, log_std = spread.gaussian(torch.randn(200, 6, dtype=torch.float64))
    assert mean.abs().max() < 0.3 and (log_std + 0.5).abs().max() < 0.3
    assert mean.std() > 0 and log_std.std() > 0


def test_the_bounded_log_std_is_minus_a_half_at_zero_and_rises_to_its_bounds() -> None:
    raw = torch.tensor([-100.0, 0.0, 100.0], dtype=torch.float64)
    assert bounded(raw, LOW, HIGH, MIDDLE).tolist() == pytest.approx([-3.0, -0.5, 0.5], abs=1e-12)
    middle = math.log(2.5 / 1.0) * -3.5 / 4  # where the sigmoid's argument is zero
    slope = bounded(torch.tensor([middle - 1e-6, middle + 1e-6], dtype=torch.float64), LOW, HIGH, MIDDLE).diff() / 2e-6
    assert slope.item() == pytest.approx(1.0, abs=1e-6)


def density(action: float, mean: float, std: float) -> float:
    """Of a = tanh u, u normal, where u = atanh a: by `squashed_log_density`."""
    u = torch.tensor(math.atanh(action), dtype=torch.float64)
    noise = (u - mean) / std
    return squashed_log_density(u, noise, torch.tensor(math.log(std), dtype=torch.float64)).exp().item()


@pytest.mark.parametrize(("mean", "std"), [(0.0, 0.6), (-0.4, 0.3), (0.9, 1.2)])
def test_the_density_is_the_slope_of_the_distribution_and_integrates_to_one(mean: float, std: float) -> None:
    for action in (-0.99, -0.3, 0.0, 0.5, 0.95):
        below, above = (norm.cdf((math.atanh(action + h) - mean) / std) for h in (-1e-6, 1e-6))
        assert density(action, mean, std) == pytest.approx((above - below) / 2e-6, rel=1e-5, abs=1e-9)
    total, _ = quad(lambda action: density(action, mean, std), -1 + 1e-12, 1 - 1e-12, points=[-0.999, 0.999], limit=200)
    assert total == pytest.approx(1.0, abs=1e-5)


def test_the_density_of_a_saturated_action_is_finite_and_has_a_slope() -> None:
    u = torch.tensor([-40.0, 40.0], dtype=torch.float64, requires_grad=True)
    found = squashed_log_density(u, torch.zeros(2), torch.zeros(2))
    found.sum().backward()
    expected = 80 - 0.5 * math.log(2 * math.pi) - 2 * math.log(2)  # log(1 − tanh² u) → 2 log 2 − 2|u|
    assert found.tolist() == pytest.approx([expected] * 2)
    assert u.grad is not None and u.grad.tolist() == pytest.approx([-2.0, 2.0])


@pytest.mark.parametrize("std", ["parameter", "state"])
def test_a_sample_is_the_action_and_the_log_density_of_its_entries(std: str) -> None:
    torch.manual_seed(1)
    actor = Actor(6, 2, [5, 4], std=std).double()
    z, noise = (torch.randn(4, width, dtype=torch.float64) for width in (6, 2))
    action, log_density = actor.sample(z, noise)
    assert torch.equal(action, actor(z, noise))
    mean, log_std = actor.gaussian(z)
    expected = [
        math.log(density(a, m, math.exp(s)))
        for a, m, s in zip(*(x.expand(4, 2).flatten().tolist() for x in (action, mean, log_std)), strict=True)
    ]
    assert log_density.shape == (4, 2) and log_density.flatten().tolist() == pytest.approx(expected, abs=1e-9)


def test_an_unknown_kind_of_spread_is_refused() -> None:
    with pytest.raises(ValueError, match="parameter or state, not 'beta'"):
        Actor(6, 2, [5], std="beta")

"""The policy against a NumPy forward pass, and its exploration noise."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from wmzoo.nets import Actor
from wmzoo.nets.actor import MIN_LOG_STD


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

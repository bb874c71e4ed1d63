"""The world model's stacks: order of operations and initial weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from wmzoo.nets import SimNorm, activation, mlp
from wmzoo.nets.blocks import NormedLinear


def normalised(x: np.ndarray) -> np.ndarray:
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)


def test_a_block_is_linear_then_layer_norm_then_activation() -> None:
    torch.manual_seed(0)
    block = NormedLinear(4, 6, activation("silu")).double()
    x = np.random.default_rng(0).normal(size=(3, 4))
    h = normalised(x @ block.weight.detach().numpy().T + block.bias.detach().numpy())
    np.testing.assert_allclose(block(torch.from_numpy(x)).detach().numpy(), h / (1 + np.exp(-h)), atol=1e-9)


def test_a_stack_without_a_last_activation_starts_at_zero() -> None:
    stack = mlp(4, [8, 8], 3, "mish")
    assert not stack(torch.randn(5, 4)).any()
    assert type(stack[-1]) is torch.nn.Linear


def test_a_stack_with_a_last_activation_normalises_its_output_layer_too() -> None:
    stack = mlp(4, [8], 16, "mish", last=SimNorm(8))
    assert isinstance(stack[-1], NormedLinear)
    assert stack(torch.randn(5, 4)).unflatten(-1, (2, 8)).sum(-1).allclose(torch.ones(5, 2))


def test_weights_start_truncated_normal_with_std_two_hundredths_and_biases_at_zero() -> None:
    torch.manual_seed(0)
    first = mlp(200, [300], 8, "mish", last=SimNorm(8))[0]
    assert first.weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert first.weight.mean().item() == pytest.approx(0, abs=5e-4)
    assert not first.bias.any()


def test_an_unknown_activation_is_named_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="unknown activation 'mesh'; there are mish, silu"):
        activation("mesh")

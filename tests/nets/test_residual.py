"""Residual blocks against their formulas, written with PyTorch's own functions."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from wmzoo.contracts.common import enliven
from wmzoo.nets.residual import FeedForward, SelfAttention, token_width


def test_a_feed_forward_layer_adds_to_its_input() -> None:
    layer = enliven(FeedForward(6, 10, "relu").double())
    x = torch.randn(4, 3, 6, dtype=torch.float64)
    normed = F.layer_norm(x, (6,), layer.norm.weight, layer.norm.bias)
    inner = (normed @ layer.up.weight.T + layer.up.bias).relu()
    torch.testing.assert_close(layer(x), x + inner @ layer.down.weight.T + layer.down.bias)


@pytest.mark.parametrize("causal", [False, True])
def test_attention_is_pytorchs(causal: bool) -> None:
    layer = enliven(SelfAttention(12, 3, causal).double())
    x = torch.randn(5, 7, 12, dtype=torch.float64)
    inputs = F.layer_norm(x, (12,), layer.norm.weight, layer.norm.bias)
    projected = F.linear(inputs, layer.qkv.weight, layer.qkv.bias).chunk(3, -1)
    q, k, v = (part.unflatten(-1, (3, 4)).transpose(1, 2) for part in projected)
    mixed = F.scaled_dot_product_attention(q, k, v, is_causal=causal).transpose(1, 2).flatten(2)
    torch.testing.assert_close(layer(x), x + F.linear(mixed, layer.out.weight, layer.out.bias))


def test_a_causal_token_does_not_see_those_behind_it() -> None:
    layer = enliven(SelfAttention(8, 2, causal=True).double())
    x = torch.randn(1, 5, 8, dtype=torch.float64)
    changed = x.clone()
    changed[:, 3:] = torch.randn(1, 2, 8, dtype=torch.float64)
    torch.testing.assert_close(layer(changed)[:, :3], layer(x)[:, :3], rtol=0, atol=0)
    assert not torch.allclose(layer(changed)[:, 3:] - changed[:, 3:], layer(x)[:, 3:] - x[:, 3:])


def test_attention_has_a_second_derivative() -> None:
    layer = enliven(SelfAttention(4, 2).double())
    x = torch.randn(1, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(layer, (x,), fast_mode=True)


def test_heads_divide_the_width() -> None:
    with pytest.raises(ValueError, match="3 heads do not divide a width of 8"):
        SelfAttention(8, 3)
    assert [token_width(128, 4), token_width(512, 4), token_width(8, 4)] == [48, 192, 4]

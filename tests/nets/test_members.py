"""Stacked networks are the single ones, one beside the other."""

from __future__ import annotations

import torch

from wmzoo.contracts.common import enliven
from wmzoo.nets import mlp
from wmzoo.nets.members import MemberLinear, MemberNorm, Members


def test_each_member_is_the_stack_that_its_weights_make() -> None:
    members = enliven(Members(3, 5, [8, 6], 4, "silu").double())
    x = torch.randn(2, 7, 5, dtype=torch.float64)
    out = members(x)
    assert out.shape == (3, 2, 7, 4)
    for index in range(3):
        alone, state = mlp(5, [8, 6], 4, "silu").double(), {}
        linears = [layer for layer in members if isinstance(layer, MemberLinear)]
        norms = [layer for layer in members if isinstance(layer, MemberNorm)]
        for place, linear in enumerate(linears):
            state |= {f"{place}.weight": linear.weight[index].T, f"{place}.bias": linear.bias[index, 0]}
        for place, norm in enumerate(norms):
            state |= {f"{place}.norm.weight": norm.weight[index, 0], f"{place}.norm.bias": norm.bias[index, 0]}
        alone.load_state_dict(state)
        torch.testing.assert_close(out[index], alone(x))


def test_members_start_apart_and_at_zero() -> None:
    torch.manual_seed(0)
    members = Members(3, 5, [400], 4, "silu")
    assert not members(torch.randn(7, 5)).any()
    first = members[0].weight
    assert 0.017 < first.std() < 0.023 and (first[0] - first[1]).std() > 0.02

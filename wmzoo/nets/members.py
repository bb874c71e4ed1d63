"""Several networks of one shape as one: their weights are stacked, their products batched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from einops import pack, unpack
from torch import Tensor, nn

from wmzoo.nets.blocks import activation


def truncated(weight: Tensor) -> Tensor:
    """The start of `mlp`'s weights."""
    return nn.init.trunc_normal_(weight, std=0.02)


class MemberLinear(nn.Module):
    """W_m x + b_m for M members: x[M,B,in] -> [M,B,out]. `start` fills one member's weights [in,out]; biases are 0."""

    def __init__(
        self, members: int, in_features: int, out_features: int, start: Callable[[Tensor], object] = truncated
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(members, in_features, out_features))
        self.bias = nn.Parameter(torch.zeros(members, 1, out_features))
        for member in self.weight:
            start(member.data)

    def forward(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, x, self.weight)

    def alone(self, x: Tensor, member: int) -> Tensor:
        """One member's [B,in] -> [B,out]."""
        return torch.addmm(self.bias[member], x, self.weight[member])


class MemberNorm(nn.Module):
    """LayerNorm with a scale and shift of its own per member: [M,B,width] -> the same."""

    def __init__(self, members: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(members, 1, width))
        self.bias = nn.Parameter(torch.zeros(members, 1, width))

    def forward(self, x: Tensor) -> Tensor:
        return torch.addcmul(self.bias, F.layer_norm(x, x.shape[-1:]), self.weight)

    def alone(self, x: Tensor, member: int) -> Tensor:
        """One member's [B,width] -> [B,width]."""
        return torch.addcmul(self.bias[member], F.layer_norm(x, x.shape[-1:]), self.weight[member])


class Members(nn.Sequential):
    """M stacks as `mlp` makes one, with the same start: x[..., in] -> [M, ..., out], zero at first."""

    def __init__(self, members: int, in_features: int, units: Sequence[int], out_features: int, act: str) -> None:
        widths = [in_features, *units]
        layers: list[nn.Module] = []
        for narrow, wide in pairwise(widths):
            layers += [MemberLinear(members, narrow, wide), MemberNorm(members, wide), activation(act)]
        last = MemberLinear(members, widths[-1], out_features)
        nn.init.zeros_(last.weight)
        super().__init__(*layers, last)
        self.members = members

    def forward(self, x: Tensor) -> Tensor:
        rows, leading = pack([x], "* features")
        out: Tensor = super().forward(rows.expand(self.members, *rows.shape))  # type: ignore[no-untyped-call]
        found: list[Tensor] = unpack(out, leading, "member * features")
        return found[0]

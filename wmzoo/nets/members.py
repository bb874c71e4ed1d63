"""Several networks of one shape as one: their weights are stacked, their products batched."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wmzoo.nets.blocks import activation


class MemberLinear(nn.Module):
    """W_m x + b_m for M members: x[M, ..., in] -> [M, ..., out]."""

    def __init__(self, members: int, in_features: int, out_features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(members, in_features, out_features))
        self.bias = nn.Parameter(torch.zeros(members, 1, out_features))
        nn.init.trunc_normal_(self.weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        flat = torch.baddbmm(self.bias, x.flatten(1, -2), self.weight)
        return flat.reshape(*x.shape[:-1], -1)


class MemberNorm(nn.Module):
    """LayerNorm with gains and offsets of each member: [M, ..., width] -> the same."""

    def __init__(self, members: int, width: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(members, width))
        self.offset = nn.Parameter(torch.zeros(members, width))

    def forward(self, x: Tensor) -> Tensor:
        shape = (len(x), *[1] * (x.dim() - 2), x.shape[-1])
        normed = F.layer_norm(x, x.shape[-1:])
        return torch.addcmul(self.offset.view(shape), normed, self.gain.view(shape))


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
        out: Tensor = super().forward(x.expand(self.members, *x.shape))  # type: ignore[no-untyped-call]
        return out

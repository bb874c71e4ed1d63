"""An ensemble of value functions: one batched matrix product per layer, but on a CPU one member after the other.

There a batched product of three matrices reaches 0.8 of the rate of three single ones, and a member's activations of a
few hundred rows stay in the cache where those of all members do not: 0.85 of the time at [512,128], two members.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from einops import pack, rearrange, unpack
from torch import Tensor, nn

from wmzoo.nets.functional import Mish, own_kernels


class EnsembleLinear(nn.Module):
    """E independent linear layers: [E,B,in] -> [E,B,out]; weights orthogonal with gain √2, biases 0 (PWM's critics)."""

    def __init__(self, num: int, in_features: int, out_features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num, in_features, out_features))
        self.bias = nn.Parameter(torch.zeros(num, 1, out_features))
        for member in self.weight:
            nn.init.orthogonal_(member.data, gain=2**0.5)

    def forward(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, x, self.weight)

    def alone(self, x: Tensor, member: int) -> Tensor:
        """One member's [B,in] -> [B,out]."""
        return torch.addmm(self.bias[member], x, self.weight[member])


class EnsembleLayerNorm(nn.Module):
    """LayerNorm with a scale and shift of its own per member: [E,B,W] -> [E,B,W]."""

    def __init__(self, num: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(num, 1, width))
        self.bias = nn.Parameter(torch.zeros(num, 1, width))

    def forward(self, x: Tensor) -> Tensor:
        return torch.addcmul(self.bias, F.layer_norm(x, x.shape[-1:]), self.weight)

    def alone(self, x: Tensor, member: int) -> Tensor:
        """One member's [B,W] -> [B,W]."""
        return torch.addcmul(self.bias[member], F.layer_norm(x, x.shape[-1:]), self.weight[member])


class CriticEnsemble(nn.Module):
    """`num` value functions V_e(z); blocks Linear → Mish → LayerNorm.

    zero_init: the last layer's weights are zero at first, and so are all values.
    """

    def __init__(self, latent_dim: int, units: Sequence[int], num: int = 3, zero_init: bool = False) -> None:
        super().__init__()
        self.num = num
        widths = [latent_dim, *units]
        layers: list[nn.Module] = []
        for i, o in pairwise(widths):
            layers += [EnsembleLinear(num, i, o), Mish(), EnsembleLayerNorm(num, o)]
        last = EnsembleLinear(num, widths[-1], 1)
        self.layers = nn.Sequential(*layers, last)
        if zero_init:
            nn.init.zeros_(last.weight)

    def forward(self, z: Tensor) -> Tensor:
        """z[..., D] -> values[E, ...]."""
        rows, leading = pack([z], "* latent")
        values: Tensor
        if own_kernels(rows) and not torch.is_autocast_enabled("cpu"):  # in bfloat16 the batched product is as fast
            values = torch.stack([self._alone(rows, member) for member in range(self.num)])
        else:
            values = self.layers(rows.expand(self.num, *rows.shape))
        (found,) = unpack(values, leading, "critic * one")
        return rearrange(found, "critic ... 1 -> critic ...").to(z.dtype)

    def _alone(self, rows: Tensor, member: int) -> Tensor:
        """rows[B,D] -> one member's values [B,1]."""
        for layer in self.layers:
            rows = layer.alone(rows, member) if isinstance(layer, EnsembleLinear | EnsembleLayerNorm) else layer(rows)
        return rows

    def minimum(self, z: Tensor) -> Tensor:
        """z[..., D] -> the ensemble's minimum [...]: the pessimistic value that PWM bootstraps from."""
        return self.forward(z).amin(0)

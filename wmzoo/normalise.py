"""Running moments, for scaling rewards and returns."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class RunningMoments(nn.Module):
    """Mean and variance of all numbers seen so far (Chan, Golub, LeVeque 1979), in float64. Variance 1 before any."""

    count: Tensor
    mean: Tensor
    var: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name, value in (("count", 0.0), ("mean", 0.0), ("var", 1.0)):
            self.register_buffer(name, torch.tensor(value, dtype=torch.float64))

    @torch.no_grad()
    def update(self, x: Tensor) -> None:
        """Take in x[...], maybe empty; all its entries count alike. Non-finite ones are the caller's to keep out."""
        x = x.detach().to(self.mean).flatten()
        if not len(x):
            return
        total = self.count + len(x)
        delta = x.mean() - self.mean
        spread = self.var * self.count + x.var(correction=0) * len(x) + delta.square() * self.count * len(x) / total
        self.mean += delta * len(x) / total
        self.var = spread / total
        self.count = total

    @property
    def std(self) -> Tensor:
        """√(var + 1e-5), PWM's guard against constant data; a scalar, so what it divides keeps its dtype."""
        return (self.var + 1e-5).sqrt()

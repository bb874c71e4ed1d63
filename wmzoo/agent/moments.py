"""Running moments, for scaling observations, rewards and returns."""

from __future__ import annotations

import torch
from torch import Tensor, nn

LIMIT = 10.0  # standard deviations; an entry that was constant so far must not explode when it moves


class RunningMoments(nn.Module):
    """Mean and variance of all numbers seen so far (Chan, Golub, LeVeque 1979), in float64. Variance 1 before any.

    Args:
        width: None for the moments of all numbers together; W for those of each entry of vectors [..., W].
    """

    count: Tensor
    mean: Tensor
    var: Tensor

    def __init__(self, width: int | None = None) -> None:
        super().__init__()
        shape = () if width is None else (width,)
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))
        self.register_buffer("mean", torch.zeros(shape, dtype=torch.float64))
        self.register_buffer("var", torch.ones(shape, dtype=torch.float64))

    @torch.no_grad()
    def update(self, x: Tensor, where: Tensor | bool = True) -> None:
        """Take in x[...] or x[..., W], maybe empty; all rows alike. What is not finite is the caller's to keep out.

        where: a bool scalar, false to leave all as it is; a tensor on a GPU is not waited for.
        """
        x = x.detach().to(self.mean).reshape(-1, *self.mean.shape)
        if not len(x):
            return
        total = self.count + len(x)
        delta = x.mean(0) - self.mean
        spread = self.var * self.count + x.var(0, correction=0) * len(x) + delta.square() * self.count * len(x) / total
        where = torch.as_tensor(where, device=self.mean.device)
        self.mean = torch.where(where, self.mean + delta * len(x) / total, self.mean)
        self.var = torch.where(where, spread / total, self.var)
        self.count = torch.where(where, total, self.count)

    @property
    def std(self) -> Tensor:
        """√(var + 1e-5), PWM's guard against constant data. As a scalar it leaves the dtype of what it divides."""
        return (self.var + 1e-5).sqrt()

    def normalise(self, x: Tensor) -> Tensor:
        """(x − mean) / std, in x's dtype, within ±LIMIT standard deviations."""
        return ((x - self.mean.to(x)) / self.std.to(x)).clamp(-LIMIT, LIMIT)

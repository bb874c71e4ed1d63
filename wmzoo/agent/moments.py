"""Running moments, for scaling observations, rewards and returns."""

from __future__ import annotations

import torch
from torch import Tensor, nn

LIMIT = 10.0  # standard deviations; an entry that was constant so far must not explode when it moves


class RunningMoments(nn.Module):
    """Mean and variance of all numbers seen so far (Chan, Golub, LeVeque 1979), in float64. Variance 1 before any.

    Args:
        width: None for the moments of all numbers together; W for those of each entry of vectors [..., W].
        tasks: None for the moments of all tasks together; N for each task's own, so that a task of small numbers is not
            measured by the others'. Then whoever asks says of each of B columns whose it is, task int64[B].
    """

    count: Tensor
    mean: Tensor
    var: Tensor

    def __init__(self, width: int | None = None, tasks: int | None = None) -> None:
        super().__init__()
        self.width, self.tasks = width, tasks
        each = () if tasks is None else (tasks,)
        shape = each if width is None else (*each, width)
        self.register_buffer("count", torch.zeros(each, dtype=torch.float64))
        self.register_buffer("mean", torch.zeros(shape, dtype=torch.float64))
        self.register_buffer("var", torch.ones(shape, dtype=torch.float64))

    @torch.no_grad()
    def update(self, x: Tensor, where: Tensor | bool = True, task: Tensor | None = None) -> None:
        """Take in x[..., B] or x[..., B, W], maybe empty. What is not finite is the caller's to keep out.

        where: a bool scalar, false to leave all as it is; a tensor on a GPU is not waited for.
        task: of each column, int64[B]; only where every task has moments of its own.
        """
        x, where = x.detach().to(self.mean), torch.as_tensor(where, device=self.mean.device)
        if self.tasks is None:
            self.count, self.mean, self.var = self._merged(x, where, self.count, self.mean, self.var)
            return
        columns = x.movedim(-1 if self.width is None else -2, 0)
        for each in sorted({*self._known(task).tolist()}):
            own = (self.count[each], self.mean[each], self.var[each])
            self.count[each], self.mean[each], self.var[each] = self._merged(columns[task == each], where, *own)

    def _merged(
        self, x: Tensor, where: Tensor, count: Tensor, mean: Tensor, var: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Moments with those of x[...] or x[..., W] taken in."""
        x = x.reshape(-1, *mean.shape)
        if not len(x):
            return count, mean, var
        total = count + len(x)
        delta = x.mean(0) - mean
        spread = var * count + x.var(0, correction=0) * len(x) + delta.square() * count * len(x) / total
        return (
            torch.where(where, total, count),
            torch.where(where, mean + delta * len(x) / total, mean),
            torch.where(where, spread / total, var),
        )

    def _known(self, task: Tensor | None) -> Tensor:
        if task is None:
            raise ValueError("these are moments of several tasks: say which (task, int64 [B])")
        return task

    @property
    def std(self) -> Tensor:
        """√(var + 1e-5), PWM's guard against constant data. As a scalar it leaves the dtype of what it divides."""
        return (self.var + 1e-5).sqrt()

    def of(self, x: Tensor, task: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Mean and std by which x[..., B] or x[..., B, W] is scaled, in its dtype: one for all columns, or each one's
        own task's."""
        if self.tasks is None:
            return self.mean.to(x), self.std.to(x)
        task = self._known(task)
        return self.mean[task].to(x), self.std[task].to(x)

    def normalise(self, x: Tensor, task: Tensor | None = None) -> Tensor:
        """(x − mean) / std, in x's dtype, within ±LIMIT standard deviations."""
        mean, std = self.of(x, task)
        return ((x - mean) / std).clamp(-LIMIT, LIMIT)

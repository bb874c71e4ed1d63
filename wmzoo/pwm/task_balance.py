"""What the latent errors of each task count, where several share one model."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wmzoo.compute.distributed import ALONE, World

KEPT = 0.98  # of a task's rows of former updates at each further one that has some: a mean of some fifty batches


class TaskBalance(nn.Module):
    """Weights of a batch's rows by how far the latents of their tasks move.

    The dynamics loss is of absolute errors, and a latent step of one task may be many times another's: the other's is
    then learned last, or never. With s_k, task k's running mean of |Δz*|² over the data's steps, and p the power, an
    error of task k counts by

        w_k = s_k^−p · Σ_j s_j / Σ_j s_j^(1−p)

    over the tasks j seen so far. p = 1 makes errors relative to the task's own steps, p = 0 leaves them as they are,
    and predictions of no change cost together what they do without weights: Σ_j w_j s_j = Σ_j s_j.

    Args:
        power: p.
        world: the processes that share a batch; their rows are counted together.
    """

    moved: Tensor
    rows: Tensor

    def __init__(self, tasks: int, power: float, world: World = ALONE) -> None:
        super().__init__()
        self.power, self.world = power, world
        self.register_buffer("moved", torch.zeros(tasks, dtype=torch.float64))  # a decaying sum of |Δz*|² over rows
        self.register_buffer("rows", torch.zeros(tasks, dtype=torch.float64))  # and of the rows themselves

    @torch.no_grad()
    def weights(self, task: Tensor) -> Tensor:
        """task int64[B] -> w[B], 1 for tasks whose steps are not known yet."""
        known = (self.rows > 0) & (self.moved > 0)
        size = torch.where(known, self.moved / self.rows, 1.0)
        whole, parts = (torch.where(known, each, 0.0).sum() for each in (size, size ** (1 - self.power)))
        return torch.where(known, size**-self.power * whole / parts, 1.0)[task].float()

    @torch.no_grad()
    def update(self, moved: Tensor, task: Tensor) -> None:
        """Take in |Δz*|² of each row, moved[B]; nothing where one of them is not finite."""
        sums = torch.zeros(2, len(self.rows), dtype=torch.float64, device=moved.device)
        sums.index_add_(1, task, torch.stack([moved.double(), torch.ones_like(moved, dtype=torch.float64)]))
        sums = self.world.sum(sums)
        kept = torch.where(sums[1] > 0, KEPT, 1.0)
        fine = sums.isfinite().all()
        self.moved.copy_(torch.where(fine, kept * self.moved + sums[0], self.moved))
        self.rows.copy_(torch.where(fine, kept * self.rows + sums[1], self.rows))

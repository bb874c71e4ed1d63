"""Several processes that train one model on parts of every batch, started by `torchrun`: who of them this one is."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn


@dataclass(frozen=True)
class World:
    """rank 0 … size−1 among all processes, local_rank among those of this machine. Rank 0 alone writes files."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1

    def wrap(self, module: nn.Module) -> nn.Module:
        """The module with its gradients averaged over the processes; itself where there is one only."""
        return module if self.size == 1 else nn.parallel.DistributedDataParallel(module)

    def part(self, batch: int) -> slice:
        """The columns of a batch that are this process's. ValueError for one that does not divide evenly."""
        if batch % self.size:
            raise ValueError(f"a batch of {batch} cannot be divided evenly over {self.size} processes")
        return slice(self.rank * batch // self.size, (self.rank + 1) * batch // self.size)

    def mean(self, row: dict[str, float], device: torch.device) -> dict[str, float]:
        """The mean of each figure over the processes."""
        if self.size == 1:
            return row
        figures = self.sum(torch.tensor(list(row.values()), dtype=torch.float64, device=device))
        return dict(zip(row, (figures / self.size).tolist(), strict=True))

    def sum(self, figures: Tensor) -> Tensor:
        """The sum of the tensors of all processes."""
        if self.size > 1:
            figures = figures.clone()
            dist.all_reduce(figures)
        return figures

    def every(self, flag: Tensor) -> Tensor:
        """Whether the flag, a bool scalar on its device, is set in all processes."""
        if self.size == 1:
            return flag
        flags = flag.to(torch.uint8)
        dist.all_reduce(flags, dist.ReduceOp.MIN)
        return flags.bool()

    def any(self, flag: bool, device: torch.device) -> bool:
        """Whether the flag is set in any process."""
        if self.size == 1:
            return flag
        flags = torch.tensor(float(flag), device=device)
        dist.all_reduce(flags, dist.ReduceOp.MAX)
        return bool(flags)


ALONE = World()


def world() -> World:
    """As torchrun says in the environment; alone without it."""
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
    return World(*(int(os.environ[name]) for name in names)) if all(map(os.environ.get, names)) else ALONE


@contextmanager
def process_group(device: torch.device) -> Iterator[None]:
    """The connection of this world's processes, gloo on a CPU and nccl on GPUs; none where there is one only.

    Its threads end with it. One that outlived it could let go of a tensor while Python ends, which aborts the process.
    """
    if world().size == 1:
        yield
        return
    # Wrapping a module in DDP imports this, and its functions keep the group that is there when they are defined, as
    # the default of an argument, for good.
    import torch.distributed.nn  # noqa: F401

    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield
        dist.barrier()  # whoever leaves first would break what the others still say to each other
    finally:
        dist.destroy_process_group()
        gc.collect()  # the wrapped module holds the group, and itself in a cycle

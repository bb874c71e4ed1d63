"""Slices of whole episodes from the shards of one or several tasks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from einops import rearrange
from numpy.lib.stride_tricks import sliding_window_view
from torch import Tensor

from wmzoo.compute.device import send
from wmzoo.data.replay import Slices
from wmzoo.data.shards import Shard, Shards
from wmzoo.errors import WmzooError

HELD_OUT_EVERY = 20


class TaskSlices(NamedTuple):
    """B slices of H steps, and whose they are."""

    slices: Slices  # a narrower task's are padded with zeros; no `terminated` of data that tell of no ends
    task: Tensor  # int64 [B], ascending: the columns are ordered by task, and by row within it

    def to(self, device: torch.device) -> TaskSlices:
        """The same on `device`."""
        return TaskSlices(self.slices.to(device), send(self.task, device))

    def columns(self, chosen: slice) -> TaskSlices:
        """Some of the B slices."""
        return TaskSlices(self.slices.map(lambda tensor: tensor[:, chosen]), self.task[chosen])


class SliceSampler:
    """Draws slices uniformly over all whole ones of the chosen tasks, with a generator of its own.

    Args:
        tasks: names; None for all of them.
        part: `train` leaves out a twentieth of every task's episodes, `held_out` takes these alone, `all` takes both.

    Attributes:
        obs_dim, act_dim: O and A, of the whole set whichever tasks are chosen.

    Raises WmzooError for a task that the data set does not have.
    """

    def __init__(
        self, data: Shards, generator: torch.Generator, tasks: Sequence[str] | None = None, part: str = "all"
    ) -> None:
        self._data, self._part = data, part
        names = [shard.index.name for shard in data.shards]
        unknown = [name for name in tasks or () if name not in names]
        if unknown:
            raise WmzooError(f"the data set has no task {unknown[0]}; it has {', '.join(names)}")
        self.shards = [shard for shard in data.shards if tasks is None or shard.index.name in tasks]
        self.generator = generator
        self.obs_dim, self.act_dim = data.index.obs_dim, data.index.act_dim
        kept = [~_numbered(s.index.nonfinite, len(s.index.lengths)) for s in self.shards]
        if part != "all":
            kept = [k & (_held_out(len(k)) if part == "held_out" else ~_held_out(len(k))) for k in kept]
        self._lengths = torch.cat([s.index.lengths[k] for s, k in zip(self.shards, kept, strict=True)])
        self._rows = torch.cat([s.index.starts[k] for s, k in zip(self.shards, kept, strict=True)])
        self._ends = torch.tensor([int(k.sum()) for k in kept]).cumsum(0)  # [tasks]: episodes up to each one's last
        self._task = torch.tensor([s.index.task for s in self.shards])
        ended = [_numbered(s.index.terminated, len(k))[k] for s, k in zip(self.shards, kept, strict=True)]
        self._ended = torch.cat(ended) if data.terminates else None
        self._slices = lru_cache(maxsize=4)(self._every)

    def by_task(self, horizon: int) -> dict[str, SliceSampler]:
        """Of several tasks a sampler each, by name, that draws by the same generator; without those that have no slice
        of `horizon` steps. None where there is one task."""
        if len(self.shards) == 1:
            return {}
        names = [shard.index.name for shard in self.shards]
        alone = {name: SliceSampler(self._data, self.generator, [name], self._part) for name in names}
        return {name: own for name, own in alone.items() if own.slices(horizon)}

    def slices(self, horizon: int) -> int:
        """How many whole ones of `horizon` steps there are."""
        return int((self._lengths - horizon + 1).clamp(min=0).sum())

    def check(self, horizon: int, what: str) -> None:
        """ValueError, calling them `what`, where these episodes have no slice of `horizon` steps."""
        if not len(self._lengths):
            raise ValueError(f"data.dir: there are no {what}; take more episodes")
        if not self.slices(horizon):
            raise ValueError(
                f"data.dir: of {len(self._lengths)} {what} none has the horizon's {horizon} steps, the longest has "
                f"{int(self._lengths.max())}; take longer ones, or a shorter horizon"
            )

    def sample(self, batch: int, horizon: int) -> TaskSlices:
        """`batch` slices of `horizon` steps. ValueError where no episode is that long."""
        before, total, windows = self._slices(horizon)
        if not total:
            raise ValueError(f"no episode of the data has {horizon} steps")
        drawn = torch.randint(total, (batch,), generator=self.generator).sort().values
        episode = torch.searchsorted(before, drawn, right=True) - 1
        start = (self._rows[episode] + drawn - before[episode]).numpy()
        shard = torch.searchsorted(self._ends, episode, right=True)
        ends = torch.searchsorted(shard, torch.arange(len(self.shards)), right=True).tolist()
        obs = np.zeros((batch, horizon + 1, self.obs_dim), np.float32)
        actions = np.zeros((batch, horizon, self.act_dim), np.float32)
        rewards = np.empty((batch, horizon), np.float32)
        first = 0
        for last, own in zip(ends, windows, strict=True):
            rows = start[first:last]
            if len(rows):
                obs[first:last, :, : own.obs.shape[2]] = own.obs[rows]
                actions[first:last, :, : own.action.shape[2]] = own.action[rows]
                rewards[first:last] = own.reward[rows]
            first = last
        slices = Slices(*(_by_step(torch.from_numpy(array)) for array in (obs, actions, rewards)))
        if self._ended is not None:
            terminated = torch.zeros(horizon, batch, dtype=torch.bool)
            terminated[-1] = self._ended[episode] & (drawn - before[episode] == self._lengths[episode] - horizon)
            slices = slices._replace(terminated=terminated)
        return TaskSlices(slices, self._task[shard])

    def _every(self, horizon: int) -> tuple[Tensor, int, list[_Windows]]:
        """Whole slices are numbered: int64 [E], how many start in earlier episodes; how many there are; their rows."""
        slices = (self._lengths - horizon + 1).clamp(min=0)
        return slices.cumsum(0) - slices, int(slices.sum()), [_Windows.of(s, horizon) for s in self.shards]


def _by_step(rows: Tensor) -> Tensor:
    return rearrange(rows, "slice step ... -> step slice ...").contiguous()


class _Windows(NamedTuple):
    """A shard seen as all its runs of rows, which overlap: taking one of them is a single copy."""

    obs: np.ndarray  # [rows-H, H+1, O of the task]
    action: np.ndarray  # [rows-H, H, A of the task], and one more
    reward: np.ndarray  # [rows-H, H], and one more

    @classmethod
    def of(cls, shard: Shard, horizon: int) -> _Windows:
        lengths = (horizon + 1, horizon, horizon)
        arrays = (shard.obs.numpy(), shard.action.numpy(), shard.reward.numpy())
        views = (sliding_window_view(a, min(n, len(a)), axis=0) for a, n in zip(arrays, lengths, strict=True))
        return cls(*(rearrange(view, "row ... step -> row step ...") for view in views))


def _numbered(numbers: Sequence[int], episodes: int) -> Tensor:
    """bool [E]: the episodes of these numbers."""
    found = torch.zeros(episodes, dtype=torch.bool)
    found[list(numbers)] = True
    return found


def _held_out(episodes: int) -> Tensor:
    """bool [E]: every twentieth episode; of fewer than twenty, but more than one, the last."""
    numbers = torch.arange(1, episodes + 1)
    return (numbers % HELD_OUT_EVERY == 0) | ((numbers == episodes) & (1 < episodes < HELD_OUT_EVERY))

"""Blocks of whole episodes, as they are read from chunks and from shards one after another."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from wmzoo.data.chunks import Chunk
from wmzoo.data.shards import TaskIndex

BLOCK = 2**25  # bytes of a block


class Episodes(NamedTuple):
    """n episodes of L steps of one task: action t and reward t lead from obs t to obs t+1.

    terminated: whether the task itself ended each, and no limit of time; None where that is not told.
    """

    obs: np.ndarray  # float32 [n, L+1, O]
    action: np.ndarray  # float32 [n, L, A]
    reward: np.ndarray  # float32 [n, L]
    terminated: np.ndarray | None = None  # bool [n]

    def cut(self, obs_dim: int, act_dim: int) -> Episodes:
        """The same without the padding of a narrower task."""
        return self._replace(obs=self.obs[..., :obs_dim], action=self.action[..., :act_dim])

    def finite(self) -> np.ndarray:
        """bool [n, L+1]: whether an observation, and the action and reward that led to it, are finite."""
        rows: np.ndarray = np.isfinite(self.obs).all(2)
        rows[:, 1:] &= np.isfinite(self.action).all(2) & np.isfinite(self.reward)
        return rows

    def ended(self) -> np.ndarray:
        """bool [n]: which of them the task itself is known to have ended."""
        return np.zeros(len(self.reward), bool) if self.terminated is None else self.terminated

    def beyond(self, obs_dim: int) -> np.ndarray:
        """bool [n, L+1]: whether an observation has anything but zeros beyond its task's width."""
        rows: np.ndarray = (self.obs[..., obs_dim:] != 0).any(2)
        return rows


def blocks(chunk: Chunk) -> list[range]:
    """The chunk's episodes in blocks of BLOCK bytes, by number."""
    episodes = len(chunk.obs)
    each = max(1, BLOCK * episodes // (4 * sum(tensor.numel() for tensor in chunk)))
    return [range(first, min(first + each, episodes)) for first in range(0, episodes, each)]


def grouped(rows: Sequence[int], width: int) -> list[range]:
    """Episodes, by number, in blocks of BLOCK bytes at most, or of one; rows: of each, of `width` numbers."""
    groups, first, size = [], 0, 0
    for number, own in enumerate(rows):
        size += 4 * own * width
        if size > BLOCK and number > first:
            groups.append(range(first, number))
            first, size = number, 4 * own * width
    return [*groups, range(first, len(rows))]


def of_chunk(chunk: Chunk, chosen: np.ndarray) -> Episodes:
    """Episodes of a chunk by their ascending numbers. Its meaningless row of actions and rewards is left out."""
    whole = chosen[-1] - chosen[0] + 1 == len(chosen)
    where = slice(chosen[0], chosen[-1] + 1) if whole else chosen  # a slice copies nothing
    return Episodes(chunk.obs.numpy()[where], chunk.action.numpy()[where][:, 1:], chunk.reward.numpy()[where][:, 1:])


def of_shard(folder: Path, task: TaskIndex) -> Iterator[Episodes]:
    """A task's episodes in order, in blocks of equally long ones. The arrays are read, not mapped."""
    with (
        task.file(folder, "obs").open("rb") as obs,
        task.file(folder, "action").open("rb") as action,
        task.file(folder, "reward").open("rb") as reward,
    ):

        def take(file: BinaryIO, *shape: int) -> np.ndarray:
            numbers: np.ndarray = np.fromfile(file, "<f4", math.prod(shape))
            return numbers.reshape(shape)

        for count, steps in task.episodes:
            each = max(1, BLOCK // (4 * (steps + 1) * (task.obs_dim + task.act_dim + 1)))
            for first in range(0, count, each):
                n = min(each, count - first)
                yield Episodes(
                    take(obs, n, steps + 1, task.obs_dim),
                    take(action, n, steps + 1, task.act_dim)[:, :-1],
                    take(reward, n, steps + 1)[:, :-1],
                )

"""Simulators in contiguous chunks that do their work at the same time."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from wmzoo.envs.pools.base import BatchStep, SimulatorPool

Arguments = tuple[Any, ...]


class ChunkedPool(SimulatorPool):
    """Each chunk is a SerialPool somewhere; `_call` reaches them.

    sizes: simulators per chunk.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        ends = np.cumsum(sizes).tolist()
        self._chunks = [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]

    @abstractmethod
    def _call(self, method: str, arguments: Mapping[int, Arguments]) -> list[Any]:
        """What `method` of the chunks that have arguments returns, in their order; all work at once.

        Raises what one of them raises, when all are done.
        """

    def _all(self, method: str, *rows: Any) -> list[Any]:
        """The same, of all chunks; each is given its rows of every argument."""
        return self._call(method, {i: tuple(each[chunk] for each in rows) for i, chunk in enumerate(self._chunks)})

    def seed(self, seeds: Sequence[int]) -> None:
        self._all("seed", seeds)

    def reset(self, rows: np.ndarray) -> np.ndarray:
        inside = [rows[(rows >= chunk.start) & (rows < chunk.stop)] - chunk.start for chunk in self._chunks]
        return np.concatenate(self._call("reset", {i: (rows,) for i, rows in enumerate(inside) if len(rows)}))

    def step(self, actions: np.ndarray) -> BatchStep:
        obs, reward, terminated, truncated, success = zip(*self._all("step", actions), strict=True)
        told = [np.zeros(len(rows)) if each is None else each for each, rows in zip(success, reward, strict=True)]
        return BatchStep(
            np.concatenate(obs),
            np.concatenate(reward),
            np.concatenate(terminated),
            np.concatenate(truncated),
            None if all(each is None for each in success) else np.concatenate(told),
        )

    def states(self) -> list[dict[str, Any]]:
        return [state for chunk in self._all("states") for state in chunk]

    def load_states(self, states: Sequence[dict[str, Any]]) -> None:
        self._all("load_states", states)

    def render(self, row: int, width: int, height: int) -> np.ndarray:
        index = next(i for i, chunk in enumerate(self._chunks) if row < chunk.stop)
        picture: np.ndarray = self._call("render", {index: (row - self._chunks[index].start, width, height)})[0]
        return picture

    def check_rendering(self) -> None:
        self._call("check_rendering", {0: ()})


def chunk_sizes(rows: int, chunks: int) -> list[int]:
    """`rows` spread evenly over at most `chunks`, none of them empty."""
    chunks = min(rows, chunks)
    return [rows // chunks + (i < rows % chunks) for i in range(chunks)]

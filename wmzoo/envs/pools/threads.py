"""A thread for each chunk of simulators: MuJoCo lets others run while it computes, Python does not."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

from wmzoo.envs.pools.base import cores
from wmzoo.envs.pools.chunks import Arguments, ChunkedPool, chunk_sizes
from wmzoo.envs.pools.serial import SerialPool
from wmzoo.envs.simulator import MakeSimulators, Simulator


class ThreadPool(ChunkedPool):
    """`threads` of them, one per core by default.

    Every chunk is made by itself: copies of a task that share a model write into it, which two threads must not.
    """

    def __init__(self, make: MakeSimulators, num_envs: int, threads: int | None = None) -> None:
        sizes = chunk_sizes(num_envs, threads or cores())
        super().__init__(sizes)
        self.pools: list[SerialPool[Simulator]] = [SerialPool(make(size)) for size in sizes]
        self.facts = self.pools[0].facts
        self._executor = ThreadPoolExecutor(len(sizes), thread_name_prefix="wmzoo-environments")

    def _call(self, method: str, arguments: Mapping[int, Arguments]) -> list[Any]:
        if len(arguments) == 1:  # here: pictures belong to the thread that draws the first one
            return [getattr(self.pools[index], method)(*given) for index, given in arguments.items()]
        futures = [self._executor.submit(getattr(self.pools[i], method), *given) for i, given in arguments.items()]
        wait(futures)
        return [future.result() for future in futures]

    def close(self) -> None:
        self._executor.shutdown()
        for pool in self.pools:
            pool.close()

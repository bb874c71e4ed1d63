"""A process for each chunk of simulators."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any

from wmzoo.envs.pools.base import cores
from wmzoo.envs.pools.chunks import Arguments, ChunkedPool, chunk_sizes
from wmzoo.envs.pools.worker_process import WorkerProcess
from wmzoo.envs.simulator import MakeSimulators
from wmzoo.errors import RunFailed


class ProcessPool(ChunkedPool):
    """`processes` of them, one per core by default; each makes its own simulators.

    They end with `close`, when the pool is no longer used, at the end of this process, and when it is killed. A worker
    that is gone, and an interrupt while they work, close the pool.
    """

    def __init__(self, make: MakeSimulators, num_envs: int, processes: int | None = None) -> None:
        sizes = chunk_sizes(num_envs, processes or cores())
        super().__init__(sizes)
        self._processes: list[WorkerProcess] = []
        self._end = weakref.finalize(self, _end, self._processes)
        for number, chunk in enumerate(self._chunks, start=1):
            which = f"{chunk.start} to {chunk.stop - 1}" if chunk.stop - chunk.start > 1 else f"{chunk.start}"
            words = f"environment worker {number} of {len(sizes)} (environments {which})"
            self._processes.append(WorkerProcess(words))
        self.workers = tuple(process.pid for process in self._processes)
        try:
            self.facts = self._call("make", {i: (make, size) for i, size in enumerate(sizes)})[0]
        except BaseException:
            self.close()
            raise

    def _call(self, method: str, arguments: Mapping[int, Arguments]) -> list[Any]:
        if not self._end.alive:
            raise RunFailed("the environments are closed, or a worker of theirs is gone: make them anew")
        try:
            for index, given in arguments.items():
                self._processes[index].ask(method, given)
            answers = [self._processes[index].answer() for index in arguments]
        except BaseException:  # what the others answer would be taken for the answer to another question
            self.close()
            raise
        for answer in answers:
            if answer.error is not None:
                raise answer.error from answer.cause
        return [answer.value for answer in answers]

    def close(self) -> None:
        self._end()


def _end(processes: list[WorkerProcess]) -> None:
    """All are told before the first is waited for."""
    for process in processes:
        process.hang_up()
    for process in processes:
        process.end()

"""What a worker process does: make simulators, then answer one request after the other until the pipe is closed."""

from __future__ import annotations

import pickle
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from wmzoo.envs.pools.serial import SerialPool
from wmzoo.envs.simulator import Facts, MakeSimulators, Simulator
from wmzoo.errors import RunFailed, WmzooError, named, one_line

NOT_PORTABLE = (
    "what makes the simulators cannot be sent to a worker process ({}): let it be a function or class of a module that "
    "can be imported, or set env.backend=serial"
)


class NotPortable(WmzooError):
    """What makes the simulators exists in one process only."""


class WorkerTraceback(Exception):
    """Where in a worker an error came from, as the cause of that error."""


class Answer(NamedTuple):
    """`value`, or the error that there was instead."""

    value: Any = None
    error: BaseException | None = None
    cause: WorkerTraceback | None = None


class Worker:
    """A chunk of simulators."""

    pool: SerialPool[Simulator] | None = None

    def answer(self, request: bytes) -> bytes:
        """Pickled (method, arguments) to a pickled Answer: `make`, or a method of the pool."""
        try:
            method, arguments = _received(request)
            value = self.make(*arguments) if method == "make" else getattr(self.pool, method)(*arguments)
            return pickle.dumps(Answer(value))
        except Exception as error:
            return pickle.dumps(Answer(None, _portable(error), WorkerTraceback(f"\n{traceback.format_exc()}")))

    def make(self, make: MakeSimulators, count: int) -> Facts:
        self.pool = SerialPool(make(count))
        return self.pool.facts

    def close(self) -> None:
        if self.pool is not None:
            self.pool.close()


def main(handle: int, plugins: Mapping[str, str]) -> None:
    """Serve at the open file descriptor `handle` of a pipe. The end of the other side is the end of this one.

    plugins: the files of modules that can be imported here as if they lay in the path (registry/plugins.py).
    """
    if plugins:
        from wmzoo.registry.plugins import PluginImporter  # start-up time: most workers need none

        sys.meta_path.append(PluginImporter(plugins))
    pipe, worker = Connection(handle), Worker()
    with suppress(EOFError, ConnectionError):
        while True:
            pipe.send_bytes(worker.answer(pipe.recv_bytes()))
    worker.close()


def _received(request: bytes) -> tuple[str, tuple[Any, ...]]:
    try:
        method, arguments = pickle.loads(request)
    except (ImportError, AttributeError) as error:
        raise NotPortable(NOT_PORTABLE.format(one_line(error))) from error
    return method, arguments


def _portable(error: Exception) -> Exception:
    """The error itself, or what it says where it cannot be sent."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # whatever its class makes of it
        return RunFailed(named(error))
    return error

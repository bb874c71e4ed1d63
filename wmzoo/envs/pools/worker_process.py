"""A worker process, seen from the process that started it."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from wmzoo.envs.pools.worker import NOT_PORTABLE, Answer, NotPortable
from wmzoo.errors import RunFailed, one_line
from wmzoo.registry import plugins

PATIENCE = 5.0  # seconds for a worker to end by itself
HELD = {signal.SIGINT, signal.SIGTERM}


class WorkerProcess:
    """Runs worker.py in a fresh interpreter, at the other end of a pipe.

    Not a multiprocessing.Process: those run the caller's main module once more, and leave a resource tracker or a fork
    server behind. A forked process would inherit torch's threads and the GL context in unknown states.
    """

    def __init__(self, words: str) -> None:
        self.words = words  # what errors call it
        self._pipe, theirs = multiprocessing.Pipe()
        path, files = repr(sys.path), repr(plugins.modules())
        code = f"import sys; sys.path[:] = {path}; from wmzoo.envs.pools import worker; "
        with _signals_held():
            self._process = subprocess.Popen(
                [sys.executable, "-c", f"{code}worker.main({theirs.fileno()}, {files})"],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env={"OMP_NUM_THREADS": "1"} | os.environ,  # there is one worker per core
            )
        theirs.close()
        self.pid = self._process.pid

    def ask(self, method: str, arguments: tuple[Any, ...]) -> None:
        """RunFailed if it is gone, NotPortable for arguments that cannot be sent."""
        try:
            request = pickle.dumps((method, arguments))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise NotPortable(NOT_PORTABLE.format(one_line(error))) from error
        try:
            self._pipe.send_bytes(request)
        except OSError as error:
            raise RunFailed(self._death()) from error

    def answer(self) -> Answer:
        """What it has to say to what it was asked; RunFailed if it is gone."""
        try:
            answer: Answer = pickle.loads(self._pipe.recv_bytes())
        except (EOFError, OSError) as error:
            raise RunFailed(self._death()) from error
        return answer

    def hang_up(self) -> None:
        """It ends when it notices, after the step that it is at."""
        self._pipe.close()

    def end(self) -> None:
        """Wait for that, but not for ever."""
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _death(self) -> str:
        try:
            code = self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            return f"{self.words} no longer answers"
        if code >= 0:
            return f"{self.words} ended with exit code {code}"
        why = " (by hand, or because memory ran out)" if -code == signal.SIGKILL else ""
        return f"{self.words} was ended by {signal.Signals(-code).name}{why}"


@contextmanager
def _signals_held() -> Iterator[None]:
    """A process that is started within it never gets SIGINT and SIGTERM.

    Ctrl-C, and a cluster at the end of a job, signal all processes; but the run wants to save its state, for which it
    needs its environments.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

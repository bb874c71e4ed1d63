"""Commands in processes that need not import torch anew, which is most of what a short one takes.

They are forked from a process that has imported it, and so are the jobs that they start. For tests of processes that
are killed or interrupted, and of many; that commands and jobs begin as Pythons of their own is shown where it is the
subject, see studies/test_launchers.py and registry/test_plugins_everywhere.py. None of them can draw pictures.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from wmzoo.studies.launchers import Local

IMPORTED = ["wmzoo.runs.train", "wmzoo.runs.learning_curve", "wmzoo.evaluation.episodes", "wmzoo.envs.dmc"]
NO_PICTURES = {"MUJOCO_GL": "disabled"}
processes: Any = multiprocessing.get_context("forkserver")


class Forked:
    """`wmzoo WORDS…` or `python FILE WORDS…`; with what the tests need of subprocess.Popen.

    What it prints is added to the file `log`. env: beside this process's own.
    """

    def __init__(
        self, words: Sequence[str], log: Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        given = {**os.environ, **(env or {}), **NO_PICTURES}
        with pytest.MonkeyPatch.context() as patch:
            for name, value in NO_PICTURES.items():  # read by what the first of all imports
                patch.setenv(name, value)
            processes.set_forkserver_preload(IMPORTED)
            self._process = processes.Process(target=_run, args=(list(words), log, cwd or Path.cwd(), given))
            self._process.start()
        self.pid: int = self._process.pid

    def poll(self) -> int | None:
        code: int | None = self._process.exitcode
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def interrupt(self) -> None:
        self.send_signal(signal.SIGINT)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        code = self.poll()
        if code is None:
            self.kill()  # else Python would wait for it in the end
            pytest.fail(f"it has not ended after {timeout} s")
        return code


def start_job(launcher: Local, words: Sequence[str], log: Path) -> Forked:
    """In the place of Local.start."""
    return Forked(["wmzoo", *words], log)


def _run(words: list[str], log: Path, cwd: Path, environment: dict[str, str]) -> None:
    """In the process: what a shell and Python do with such words."""
    global processes
    processes = multiprocessing.get_context("fork")  # for its own: it has one thread, and has imported what they need
    Local.start = start_job  # type: ignore[method-assign, assignment]
    os.setsid()
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(file, stream.fileno())
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    sys.path[:0] = [str(cwd), *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    if words[0] == "wmzoo":
        sys.argv = words
        runpy.run_module("wmzoo", run_name="__main__", alter_sys=True)
    else:
        sys.argv = words[1:]
        runpy.run_path(words[1], run_name="__main__")

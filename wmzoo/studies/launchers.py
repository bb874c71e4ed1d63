"""Where jobs run: on this machine, a process each, or as jobs of a Slurm cluster."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from wmzoo.errors import WmzooError, named
from wmzoo.storage.files import open_to_append, write_text


class Running(Protocol):
    """A job that was started."""

    def poll(self) -> int | None:
        """None while it waits or runs; then anything else."""

    def interrupt(self) -> None:
        """Ask it to save and stop."""

    def wait(self) -> None:
        """Until it has ended."""


class Launcher(Protocol):
    """Starts `wmzoo WORDS…`; what it prints goes to `log`, a file, or to files of a folder of that name."""

    def start(self, words: Sequence[str], log: Path) -> Running: ...


class Local:
    """Processes of this machine.

    threads: of each one's arithmetic libraries; None for as many as they like.
    """

    def __init__(self, threads: int | None = None) -> None:
        self.threads = threads

    def start(self, words: Sequence[str], log: Path) -> LocalProcess:
        threads = {} if self.threads is None else {"OMP_NUM_THREADS": str(self.threads)}
        with open_to_append(log) as file:
            # A session of its own: the terminal's Ctrl-C would reach it as well as ours, and two mean "at once".
            process = subprocess.Popen(
                [sys.executable, "-m", "wmzoo", *words], stdout=file, stderr=file, start_new_session=True,
                env={**os.environ, **threads},
            )  # fmt: skip
        return LocalProcess(process)


class LocalProcess:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def poll(self) -> int | None:
        return self.process.poll()

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def wait(self) -> None:
        self.process.wait()


class Slurm:
    """Jobs of a Slurm cluster, through submitit (the extra `slurm`).

    options: of the jobs as submitit names them, {"timeout_min": 240, "slurm_partition": "gpu", "gpus_per_node": 1}.
    cluster: "slurm", or "local", submitit's imitation of it on this machine.

    Folders have to be on a file system that this machine shares with the cluster. A job that is still there from an
    earlier start of the same log is waited for, and not submitted again.
    """

    def __init__(self, options: dict[str, Any] | None = None, cluster: str = "slurm") -> None:
        try:
            import submitit  # of an extra
        except ImportError as error:
            raise WmzooError("launching on Slurm needs an extra: pip install 'wmzoo[slurm]'") from error
        self._submitit, self.options, self.cluster = submitit, options or {}, cluster

    def start(self, words: Sequence[str], log: Path) -> SlurmJob:
        log.mkdir(parents=True, exist_ok=True)
        submitted = log / "job_id"
        try:
            if self.cluster == "slurm" and submitted.exists():
                there: Any = self._submitit.SlurmJob(folder=log, job_id=submitted.read_text().strip())
                if not there.done():
                    return SlurmJob(there)
            executor = self._submitit.AutoExecutor(folder=log, cluster=self.cluster)
            executor.update_parameters(name="wmzoo", **self.options)
            command = self._submitit.helpers.CommandFunction([sys.executable, "-m", "wmzoo", *words], verbose=True)
            job: Any = executor.submit(command)
            write_text(submitted, job.job_id)
            return SlurmJob(job)
        except Exception as error:  # no sbatch here, an option that does not exist …
            raise WmzooError(f"Slurm takes no job: {named(error, None)}") from error


class SlurmJob:
    def __init__(self, job: Any) -> None:
        self.job = job

    def poll(self) -> int | None:
        return 0 if self.job.done() else None

    def interrupt(self) -> None:
        self.job.cancel()  # Slurm sends SIGTERM first, at which a run saves

    def wait(self) -> None:
        self.job.wait()

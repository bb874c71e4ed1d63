"""Many jobs, some at a time. What is on disk says how far they are: whatever ends this process, the next goes on."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path

from wmzoo.checkpoints.config import CONFIG
from wmzoo.checkpoints.find import list_checkpoints
from wmzoo.checkpoints.state import has_state
from wmzoo.errors import RunFailed, RunInterrupted, WmzooError
from wmzoo.reports.pace import Lines
from wmzoo.storage.lock import FolderLock
from wmzoo.storage.run_layout import FACTS, is_trained, training_seconds
from wmzoo.studies.estimate import Far, how_far, seconds_left
from wmzoo.studies.launchers import Launcher, Running

POLL = 1.0  # seconds
TELL = 60.0  # seconds between lines where nothing begins or ends, at first
Say = Callable[[str], None]


@dataclass(frozen=True)
class Job:
    """A command in the folder of a run.

    name: shown. kind: jobs of one kind take about as long as each other. words: what `wmzoo` is started with, asked for
    when it is. finished: whether the folder has what the job makes. seconds: what it took, where something tells.
    far: how far it is while it runs, where something tells.
    """

    name: str
    kind: str
    folder: Path
    words: Callable[[], list[str]]
    finished: Callable[[], bool]
    seconds: Callable[[], float | None] = lambda: None
    far: Callable[[], Far | None] = lambda: None


def train_or_resume(folder: Path, overrides: Sequence[str]) -> list[str]:
    """What starts a run, or goes on with it; one without a checkpoint to go on from is put aside, as NAME-stopped-1."""
    if any(has_state(bundle) for bundle in list_checkpoints(folder)):
        return ["resume", str(folder)]
    if any((folder / name).is_file() for name in (CONFIG, FACTS)):
        places = (folder.with_name(f"{folder.name}-stopped-{number}") for number in count(1))
        folder.rename(next(place for place in places if not os.path.lexists(place)))
    return ["train", *overrides, f"run_dir={folder}"]


def training(name: str, kind: str, folder: Path, overrides: Sequence[str]) -> Job:
    """The job of training a run in `folder`, or of going on with it."""
    words, done = partial(train_or_resume, folder, overrides), partial(is_trained, folder)
    return Job(name, kind, folder, words, done, partial(training_seconds, folder), partial(how_far, folder))


def start(job: Job, launcher: Launcher, plugins: Sequence[str] = ()) -> Running:
    """Start it; what it prints goes to its log. plugins: files that its process has to load."""
    job.folder.parent.mkdir(parents=True, exist_ok=True)
    words = [*job.words(), *(word for file in plugins for word in ("--plugin", file))]
    return launcher.start(words, log_of(job))


def stop(running: Iterable[Running]) -> None:
    """Let them save, and wait until they have ended."""
    processes = list(running)
    for process in processes:
        if process.poll() is None:
            process.interrupt()
    for process in processes:
        process.wait()


@dataclass
class Runner:
    """Runs the jobs that are not finished, `workers` at a time.

    goes_on: the command that goes on after an interruption, for messages.

    Ctrl-C lets the running ones save, and ends.
    """

    jobs: Sequence[Job]
    launcher: Launcher
    workers: int
    say: Say
    goes_on: str
    plugins: Sequence[str] = ()
    seconds: dict[str, list[float]] = field(default_factory=dict)  # of finished jobs, by kind
    _lines: Lines = field(default_factory=partial(Lines, TELL), init=False)

    def run(self) -> None:
        """RunFailed, with the logs' names, if some jobs have failed; RunInterrupted on Ctrl-C."""
        waiting = [job for job in self.jobs if not self._finished(job)]
        failed: list[str] = []
        running: dict[Running, Job] = {}
        begun: dict[Running, float] = {}
        self._tell(waiting, running)
        try:
            while waiting or running:
                began = self._begin(waiting, running)
                begun |= {process: time.monotonic() for process in running if process not in begun}
                ended = [process for process in running if process.poll() is not None]
                for process in ended:
                    job = running.pop(process)
                    if is_busy(job.folder):
                        waiting.append(job)
                    elif not self._finished(job, time.monotonic() - begun[process]):
                        failed.append(str(log_of(job)))
                if began or ended or self._lines.due():
                    self._tell(waiting, running)
                time.sleep(POLL)
        except KeyboardInterrupt as error:
            self.say("the running ones save and stop")
            left = len(waiting) + len(running)
            stop(running)
            raise RunInterrupted(f"{left} runs are left; `{self.goes_on}` goes on") from error
        finally:
            stop(running)
        if failed:
            raise RunFailed(f"{len(failed)} runs failed, see {', '.join(failed)}; the same command tries them again")

    def _begin(self, waiting: list[Job], running: dict[Running, Job]) -> bool:
        """Start waiting jobs while there is room; those that another process has are left for later."""
        free = [job for job in waiting if not is_busy(job.folder)][: self.workers - len(running)]
        for job in free:
            waiting.remove(job)
            if not self._finished(job):  # by that process
                running[start(job, self.launcher, self.plugins)] = job
        return bool(free)

    def _finished(self, job: Job, took: float | None = None) -> bool:
        """took: seconds, of a job that ended just now; a resumed one's own figure has all of them."""
        if not job.finished():
            return False
        seconds = job.seconds() or took
        if seconds:
            self.seconds.setdefault(job.kind, []).append(seconds)
        return True

    def _tell(self, waiting: Sequence[Job], running: Mapping[Running, Job]) -> None:
        self._lines.shown()
        done = len(self.jobs) - len(waiting) - len(running)
        far = [(job, job.far()) for job in running.values()]
        doing = ", ".join(job.name + (f" {told.share:.0%}" if told else "") for job, told in far) or "nothing"
        left = seconds_left((job.kind for job in waiting), [(job.kind, told) for job, told in far], self.seconds)
        about = f", about {_rounded(left / self.workers)}" if left else ""
        self.say(f"{done} of {len(self.jobs)} done · running: {doing} · {len(waiting)} left{about}")


def _rounded(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"


def log_of(job: Job) -> Path:
    """What it prints: a file, or of a cluster's job a folder."""
    return Path(f"{job.folder}.log")


def is_busy(folder: Path) -> bool:
    """Whether another process, left by a runner that was killed, still has the run."""
    if not folder.is_dir():
        return False
    try:
        FolderLock(folder).release()
    except WmzooError:
        return True
    return False

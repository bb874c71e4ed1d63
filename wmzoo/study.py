"""A study: a grid of arms × tasks × seeds, each cell a run of `wmzoo train` in a process of its own.

It is written in the block `study` of an `experiment=` config, or in a file of its own:

    title: Flow against MLP
    overrides: [trainer.iterations=100]          # of every run
    arms: {mlp: [dynamics=mlp], flow: [dynamics=flow, integrator=heun]}
    tasks: [cartpole_swingup, reacher_easy]      # names after env=, or {name: [overrides]}
    seeds: [0, 1, 2]

What there is on disk says how far it is: finished runs are kept, unfinished ones resumed, missing ones begun.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wmzoo.errors import RunFailed, RunInterrupted, WmzooError

POLL = 1.0  # seconds
Say = Callable[[str], None]


@dataclass(frozen=True)
class Job:
    """One cell of the grid: its folder below the study's, and the overrides that make it."""

    task: str
    arm: str
    seed: int
    overrides: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.task}/{self.arm}/seed{self.seed}"


@dataclass(frozen=True)
class Study:
    """See the module's docstring; `shared` are the overrides of every run."""

    name: str
    title: str
    shared: tuple[str, ...]
    arms: Mapping[str, Sequence[str]]
    tasks: Mapping[str, Sequence[str]]
    seeds: Sequence[int]

    def jobs(self) -> Iterator[Job]:
        """Seed by seed, so that a study cut short has all arms alike."""
        for seed in self.seeds:
            for task, of_task in self.tasks.items():
                for arm, of_arm in self.arms.items():
                    yield Job(task, arm, seed, (*self.shared, *of_task, *of_arm, f"seed={seed}"))


def read_study(name: str) -> Study:
    """The study of `experiment=name`, or of the file `name`. WmzooError where it is none, or does not compose."""
    if name.endswith((".yaml", ".yml")):
        block, shared = _read_file(Path(name)), tuple[str, ...]()
    else:
        from omegaconf import OmegaConf

        from wmzoo.config import compose

        cfg = compose([f"experiment={name}"])
        block, shared = OmegaConf.to_container(cfg.get("study") or OmegaConf.create()), (f"experiment={name}",)
    if not isinstance(block, dict):
        raise WmzooError(f"{name}: a study is a mapping of title, arms, tasks and seeds")
    missing = [key for key in ("arms", "tasks", "seeds") if not block.get(key)]
    if missing:
        raise WmzooError(f"{name}: a study needs {', '.join(missing)}")
    tasks = block["tasks"]
    study = Study(
        name=Path(name).stem,
        title=str(block.get("title", name)),
        shared=(*shared, *map(str, block.get("overrides") or ())),
        arms={str(arm): [str(o) for o in overrides or ()] for arm, overrides in dict(block["arms"]).items()},
        tasks=dict(tasks) if isinstance(tasks, dict) else {str(task): [f"env={task}"] for task in tasks},
        seeds=[int(seed) for seed in block["seeds"]],
    )
    _check(study)
    return study


def _read_file(file: Path) -> Any:
    from yaml import YAMLError

    from wmzoo.cards import load_yaml

    try:
        block = load_yaml(file)
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise WmzooError(f"{file}: cannot read it ({error})") from error
    return block.get("study", block) if isinstance(block, dict) else block


def _check(study: Study) -> None:
    """Compose every arm on every task once, so that a mistake is found before the first run."""
    from wmzoo.config import compose

    for job in study.jobs():
        if job.seed == study.seeds[0]:
            try:
                compose(job.overrides)
            except WmzooError as error:
                raise WmzooError(f"study {study.name}, {job.task}/{job.arm}: {error}") from error


def folder_of(study: Study, root: Path) -> Path:
    """Where the study's runs are."""
    return root / study.name


def facts(folder: Path) -> dict[str, Any]:
    """A run's run.json; empty where there is none that can be read."""
    try:
        found = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def command(job: Job, folder: Path) -> list[str]:
    """What starts the run, or goes on with it; a run without a checkpoint to go on from is removed."""
    from wmzoo.checkpoints import list_checkpoints
    from wmzoo.runs.state import has_state

    if any(has_state(bundle) for bundle in list_checkpoints(folder)):
        return ["resume", str(folder)]
    shutil.rmtree(folder, ignore_errors=True)
    return ["train", *job.overrides, f"run_dir={folder}"]


def diagnosis(job: Job, folder: Path) -> list[str]:
    """What diagnoses a finished run."""
    return ["diagnose", str(folder)]


def is_trained(folder: Path) -> bool:
    """Whether a run has come to its end."""
    return facts(folder).get("status") == "done"


def is_diagnosed(folder: Path) -> bool:
    """Whether its diagnostics are there; a run that is not finished is none of theirs."""
    return not is_trained(folder) or (folder / "diagnostics" / "diagnostics.json").is_file()


@dataclass
class Runner:
    """Runs what is missing of a study, `workers` at a time.

    words, finished: the step to take for every run, its training by default.

    Ctrl-C lets the running ones save, and ends. Whatever ends this process, the next `run()` goes on.
    """

    study: Study
    root: Path
    workers: int
    say: Say
    plugins: Sequence[str] = ()
    words: Callable[[Job, Path], list[str]] = command
    finished: Callable[[Path], bool] = is_trained
    seconds: dict[str, list[float]] = field(default_factory=dict)  # of finished runs, by arm

    def run(self) -> None:
        """RunFailed, with the logs' names, if some runs have failed; RunInterrupted on Ctrl-C."""
        jobs = list(self.study.jobs())
        waiting = [job for job in jobs if not self._finished(job)]
        failed: list[str] = []
        running: dict[subprocess.Popen[bytes], Job] = {}
        self._tell(jobs, waiting, running)
        try:
            while waiting or running:
                began = self._begin(waiting, running)
                ended = [process for process in running if process.poll() is not None]
                for process in ended:
                    job = running.pop(process)
                    if self._is_busy(job):
                        waiting.append(job)
                    elif not self._finished(job):
                        failed.append(f"{self._folder(job)}.log")
                if began or ended:
                    self._tell(jobs, waiting, running)
                time.sleep(POLL)
        except KeyboardInterrupt as error:
            self.say("the running ones save and stop")
            for process in running:
                process.send_signal(signal.SIGINT)
            for process in running:
                process.wait()
            again = f"`wmzoo study run {self.study.name}` goes on"
            raise RunInterrupted(f"{len(waiting) + len(running)} runs are left; {again}") from error
        finally:
            for process in running:
                if process.poll() is None:
                    process.terminate()
        if failed:
            raise RunFailed(f"{len(failed)} runs failed, see {', '.join(failed)}; the same command tries them again")

    def _begin(self, waiting: list[Job], running: dict[subprocess.Popen[bytes], Job]) -> bool:
        """Start waiting jobs while there is room; those that another process has are left for later."""
        free = [job for job in waiting if not self._is_busy(job)][: self.workers - len(running)]
        for job in free:
            waiting.remove(job)
            if not self._finished(job):  # by that process
                running[self._start(job)] = job
        return bool(free)

    def _folder(self, job: Job) -> Path:
        return folder_of(self.study, self.root) / job.name

    def _finished(self, job: Job) -> bool:
        if not self.finished(self._folder(job)):
            return False
        self.seconds.setdefault(job.arm, []).append(float(facts(self._folder(job)).get("wall_clock") or 0.0))
        return True

    def _is_busy(self, job: Job) -> bool:
        """Whether another process, left by a study that was killed, still has the run."""
        from wmzoo.runs.lock import FolderLock

        if not self._folder(job).is_dir():
            return False
        try:
            FolderLock(self._folder(job)).release()
        except WmzooError:
            return True
        return False

    def _start(self, job: Job) -> subprocess.Popen[bytes]:
        folder = self._folder(job)
        folder.parent.mkdir(parents=True, exist_ok=True)
        words = [*self.words(job, folder), *(word for file in self.plugins for word in ("--plugin", file))]
        with open(f"{folder}.log", "ab") as log:
            # A session of its own: the terminal's Ctrl-C would reach it as well as ours, and two mean "at once".
            return subprocess.Popen(
                [sys.executable, "-m", "wmzoo", *words], stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, "OMP_NUM_THREADS": "1"} if self.workers > 1 else None,
            )  # fmt: skip

    def _tell(self, jobs: Sequence[Job], waiting: Sequence[Job], running: Mapping[Any, Job]) -> None:
        done = len(jobs) - len(waiting) - len(running)
        now = ", ".join(job.name for job in running.values()) or "nothing"
        self.say(f"{done} of {len(jobs)} done · running: {now} · {len(waiting)} left{self._estimate(waiting, running)}")

    def _estimate(self, waiting: Sequence[Job], running: Mapping[Any, Job]) -> str:
        """From the finished runs of each arm; running ones count half."""
        known = {arm: statistics.median(seconds) for arm, seconds in self.seconds.items()}
        if not known or not (waiting or running):
            return ""
        other = statistics.mean(known.values())
        total = sum(known.get(job.arm, other) for job in waiting)
        total += sum(known.get(job.arm, other) / 2 for job in running.values())
        minutes = round(total / self.workers / 60)
        return f", about {minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f", about {minutes} min"


KEPT = ("config.yaml", "run.json", "metrics.csv", "diagnostics/diagnostics.json")


def report(study: Study, root: Path, out: Path) -> list[str]:
    """The arms compared, in `out`: the report, and below runs/ what it was made of (no weights). Gives its words."""
    from wmzoo.compare.report import Report

    found = folder_of(study, root)
    command = f"wmzoo study report {study.name} --root {root} --out {out}"
    made = Report([found], ["folder"], command, title=study.title, baseline=next(iter(study.arms)))
    page = made.write(out)
    for job in study.jobs():
        for name in KEPT:
            source, target = found / job.name / name, out / "runs" / job.name / name
            if source.is_file() and is_trained(found / job.name):
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
    return [*made.left_out, *(conclusion.text for conclusion in made.conclusions), f"report: {page}"]

"""The trials of a search (search.py), chosen and pruned by Optuna (the extra `tune`).

A trial's runs learn side by side: what is reported of its n-th evaluation is the mean over all of them, so that trials
are compared at equal places. Its value is the mean over its runs of their last evaluations. How far everything is, is
on the disk, Optuna's in a journal: whatever ends this process, the next one takes up the trials that were under way,
each run from its newest checkpoint.
"""

from __future__ import annotations

import json
import shlex
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

from wmzoo.errors import RunFailed, RunInterrupted, WmzooError, require
from wmzoo.reports.table import aligned
from wmzoo.reports.words import number, typed
from wmzoo.runs.metrics import read_metrics
from wmzoo.storage.files import make_folder
from wmzoo.storage.lock import FolderLock
from wmzoo.studies import jobs
from wmzoo.studies.jobs import Job, Say
from wmzoo.studies.launchers import Launcher, Running
from wmzoo.studies.search import Search

JOURNAL = "optuna.log"
SEED = 0  # of what is tried
SHOWN = 10  # of the best trials
TRIES = 2  # of a run, which goes on where it was: it may have been killed, or have met what it will meet again
UNPRUNED = 4  # the first of so many parts of a run, in which the median prunes nothing


@dataclass
class Attempt:
    """A trial that is under way.

    reported: how many evaluations Optuna knows. processes: of each job, the last that was started. tries: how many
    were. ended: whether Optuna knows how the trial ended.
    """

    trial: Any
    jobs: list[Job]
    reported: int
    processes: dict[str, Running] = field(default_factory=dict)
    tries: Counter[str] = field(default_factory=Counter)
    ended: bool = False

    def at_work(self, job: Job) -> bool:
        """Whether a process is at it: ours, or one left by a search that was killed."""
        process = self.processes.get(job.name)
        return (process is not None and process.poll() is None) or jobs.is_busy(job.folder)


@dataclass
class Tuner:
    """Makes the trials of a search that are not made yet, `workers` at a time, in `folder`.

    goes_on: the command that goes on after an interruption, for messages.

    Ctrl-C lets the runs save, and ends.
    """

    search: Search
    folder: Path
    launcher: Launcher
    workers: int
    say: Say
    goes_on: str
    plugins: Sequence[str] = ()

    def run(self) -> list[str]:
        """Gives the lines of what was found. RunFailed if all trials have failed; RunInterrupted on Ctrl-C."""
        self.optuna: Any = require("tune", "optuna")
        lock = FolderLock(make_folder(self.folder))
        attempts: list[Attempt] = []
        try:
            self.study = self._open()
            waiting = [trial for trial in self.study.trials if trial.state.name == "RUNNING"]
            while True:
                while len(attempts) < self.workers and (waiting or len(self.study.trials) < self.search.trials):
                    attempts.append(self._take_up(waiting.pop(0)) if waiting else self._ask())
                if not attempts:
                    return self._result()
                attempts = [attempt for attempt in attempts if self._goes_on(attempt)]
                time.sleep(jobs.POLL)
        except KeyboardInterrupt as error:
            self.say("the runs save and stop")
            _stop(attempts)
            raise RunInterrupted(f"{len(attempts)} trials are under way; `{self.goes_on}` goes on") from error
        finally:
            _stop(attempts)
            lock.release()

    def _open(self) -> Any:
        """Optuna's study of it; WmzooError where that was begun with other things to try."""
        self.optuna.logging.set_verbosity(self.optuna.logging.WARNING)
        journal = require("tune", "optuna.storages.journal").JournalFileBackend(str(self.folder / JOURNAL))
        storage = self.optuna.storages.JournalStorage(journal)
        named = {"study_name": self.search.name, "direction": "maximize", "load_if_exists": True}
        study = self.optuna.create_study(storage=storage, pruner=self._pruner(), **named)
        facts = json.loads(json.dumps(self.search.facts()))
        before = study.user_attrs.get("search", facts)
        if differ := [key for key in facts if before.get(key) != facts[key]]:
            raise WmzooError(f"{self.folder}: was begun with other {', '.join(differ)}; rename or remove it")
        study.set_user_attr("search", facts)
        return study

    def _pruner(self) -> Any:
        pruners, evaluations = self.optuna.pruners, self.search.evaluations
        if self.search.pruner == "median":
            return pruners.MedianPruner(self.search.startup, n_warmup_steps=1 + evaluations // UNPRUNED)
        if self.search.pruner == "hyperband":
            return pruners.HyperbandPruner(max_resource=evaluations)
        return pruners.NopPruner()

    def _ask(self) -> Attempt:
        self._sample_for(len(self.study.trials))
        return self._attempt(self.study.ask(), 0)

    def _take_up(self, found: Any) -> Attempt:
        """A trial that another process has left."""
        self._sample_for(found.number)
        reported = max(found.intermediate_values, default=0)
        return self._attempt(self.optuna.trial.Trial(self.study, found._trial_id), reported)

    def _sample_for(self, number: int) -> None:
        """What a trial tries depends on its number and the trials before it, and on no process that was interrupted."""
        self.study.sampler = self.optuna.samplers.TPESampler(seed=SEED + number)

    def _attempt(self, trial: Any, reported: int) -> Attempt:
        values = {key: of.draw(key, trial) for key, of in self.search.space.items()}
        folder, found = self.folder / f"trial-{trial.number:04d}", []
        for task in self.search.tasks:
            for seed in self.search.seeds:
                name = f"{task}/seed{seed}"
                overrides = [*self._overrides(task, values), f"seed={seed}"]
                found.append(jobs.training(name, task, folder / name, overrides))
        self.say(f"trial {trial.number}: {' '.join(f'{key}={text}' for key, text in values.items())}")
        return Attempt(trial, found, reported)

    def _overrides(self, task: str, values: dict[str, str]) -> list[str]:
        tried = [f"{key}={text}" for key, text in values.items()]
        return [*self.search.shared, *self.search.tasks[task], *tried]

    def _goes_on(self, attempt: Attempt) -> bool:
        """Start what is to be started, tell Optuna what there is to tell. False where nothing is left to be done."""
        at_work = [job for job in attempt.jobs if attempt.at_work(job)]
        if attempt.ended:
            return bool(at_work)
        for job in attempt.jobs:
            if job in at_work or job.finished():
                continue
            if attempt.tries[job.name] == TRIES:
                return self._end(attempt, "FAIL", f"failed, see {jobs.log_of(job)}")
            attempt.processes[job.name] = jobs.start(job, self.launcher, self.plugins)
            attempt.tries[job.name] += 1
            at_work.append(job)
        curves = [self._curve(job) for job in attempt.jobs]
        for place in range(attempt.reported, min(map(len, curves))):
            attempt.reported = place + 1
            attempt.trial.report(mean(curve[place] for curve in curves), attempt.reported)
            if attempt.reported < self.search.evaluations and attempt.trial.should_prune():
                return self._end(attempt, "PRUNED", f"pruned after evaluation {attempt.reported}")
        if at_work:
            return True
        if not all(curves):
            return self._end(attempt, "FAIL", "failed: a run has no evaluation")
        value = mean(mean(curve[-self.search.last :]) for curve in curves)
        return self._end(attempt, "COMPLETE", number(value), value)

    def _curve(self, job: Job) -> list[float]:
        """What counts of every evaluation that a run has had so far."""
        there = (job.folder / "metrics.jsonl").is_file()
        return self.search.scales[job.kind].values(read_metrics(job.folder) if there else [])

    def _end(self, attempt: Attempt, state: str, words: str, value: float | None = None) -> bool:
        """Tell how it ended, first Optuna, and ask its runs to stop. Whether some have to be waited for."""
        self.study.tell(attempt.trial, value, state=self.optuna.trial.TrialState[state])
        attempt.ended = True
        for process in attempt.processes.values():
            if process.poll() is None:
                process.interrupt()
        ended = sum(trial.state.is_finished() for trial in self.study.trials)
        best = self._best()[:1]
        so_far = f"; the best of {ended} is trial {best[0].number}: {number(best[0].value)}" if best else ""
        self.say(f"trial {attempt.trial.number}: {words}{so_far}")
        return any(map(attempt.at_work, attempt.jobs))

    def _best(self) -> list[Any]:
        """The trials that came to their end, the best first."""
        whole = [trial for trial in self.study.trials if trial.state.name == "COMPLETE"]
        return sorted(whole, key=lambda trial: -trial.value)

    def _result(self) -> list[str]:
        """The best trials in a table, and the commands that train the best one."""
        states, best = [trial.state.name for trial in self.study.trials], self._best()
        if not best:
            raise RunFailed(f"none of {len(states)} trials came to its end; see the logs in {self.folder}/trial-*/")
        ended = f"{len(best)} to their end, {states.count('PRUNED')} pruned, {states.count('FAIL')} failed"
        rows = [["trial", "value", *self.search.space]]
        for trial in best[:SHOWN]:
            rows.append([str(trial.number), number(trial.value), *(_shown(trial.params[key]) for key in rows[0][2:])])
        values = {key: typed(best[0].params[key]) for key in self.search.space}
        commands = [shlex.join(["wmzoo", "train", *self._overrides(task, values)]) for task in self.search.tasks]
        lines = [f"{self.search.title}: {len(states)} trials, {ended}", *aligned(rows)]
        return [*lines, f"trial {best[0].number} is trained, with a seed= that no trial had, by", *commands]


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else typed(value)


def _stop(attempts: Sequence[Attempt]) -> None:
    jobs.stop(process for attempt in attempts for process in attempt.processes.values())

"""A row of the scoreboard: an arm's evaluations on each task, what it costs, and what its model is like.

Steps are agent steps. `at_steps` is the score after as many of them as everybody has; `at_seconds` the one after as
many as the arm comes to in the seconds that the mlp needs for those: N / r, with r the seconds of an iteration against
the mlp's. (Before the first iteration there are steps without updates and updates without steps, which come to about
as much.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from wmzoo.compare.runs import Run
from wmzoo.scoreboard.cost import Cost
from wmzoo.scoreboard.fingerprint import digest, fingerprint
from wmzoo.statistics import aggregates
from wmzoo.statistics.aggregates import Array
from wmzoo.statistics.bootstrap import Estimate, estimate
from wmzoo.statistics.curves import Curve, common_grid, on_grid, score_at
from wmzoo.storage.rows import Row as Keys

POINTS = (50_000, 100_000, 250_000)
LAST = 3  # evaluations in a score
WITHIN = 0.99  # of so many steps a run counts as one of that length
REPETITIONS, SEED = 5000, 0  # of the bootstrap, as `wmzoo compare` has it


@dataclass(frozen=True)
class Evaluations:
    """Of a run: agent steps, increasing, and mean returns."""

    steps: list[float]
    returns: list[float]


@dataclass(frozen=True)
class TaskRow:
    """An arm on a task.

    digest, config: of its runs' fingerprint, and those keys of it that are not the whole row's. commit: of the code
    that trained them, if known. seeds: of each its evaluations. The rest are means over seeds, None where nothing
    tells: ratio, seconds of an iteration against the mlp's; parameters, nfe: of the dynamics, and baseline_parameters
    of the mlp's; latent_errors: of open-loop predictions, the first step's and the last; esnr: at the trained horizon;
    nonfinite: of all seeds together.
    """

    digest: str
    config: Keys
    commit: str | None
    seeds: Mapping[str, Evaluations]
    ratio: float | None = None
    parameters: int | None = None
    baseline_parameters: int | None = None
    nfe: float | None = None
    latent_errors: Sequence[float | None] = (None, None)
    esnr: float | None = None
    nonfinite: int = 0

    @property
    def end(self) -> float:
        """The last step that every seed was evaluated at."""
        return min(run.steps[-1] for run in self.seeds.values())

    def at_steps(self, steps: float) -> Estimate | None:
        """The mean score, over the seeds that came so far, and its 95% interval; None where none did."""
        return self._score(steps, steps)

    def at_seconds(self, steps: float) -> Estimate | None:
        """At as many seconds as the mlp needs for so many steps. A faster arm's run may be over by then: its last score
        counts. None without a ratio, and where the slower arm has not had its first evaluation by then."""
        return None if self.ratio is None else self._score(steps, steps / self.ratio)

    def _score(self, length: float, where: float) -> Estimate | None:
        scores = [
            score_at(np.array(run.steps), np.array(run.returns), where, LAST)
            for run in self.seeds.values()
            if run.steps[-1] >= WITHIN * min(length, where) and run.steps[0] <= where
        ]
        return _mean(np.array(scores)) if scores else None

    def curve(self) -> Curve:
        """The mean of its seeds' evaluations at the steps that they share, with its interval."""
        xs, ys = ([np.array(getattr(run, name)) for run in self.seeds.values()] for name in ("steps", "returns"))
        grid = common_grid(xs)
        return Curve(grid, _mean(on_grid(grid, xs, ys)), len(xs))


@dataclass(frozen=True)
class Row:
    """overrides: what makes the arm. command: what makes the row. config: the keys of the fingerprint that all tasks
    share."""

    name: str
    overrides: Sequence[str]
    command: str
    config: Keys
    tasks: Mapping[str, TaskRow]

    def fingerprint(self, task: str) -> Keys:
        return {**self.config, **self.tasks[task].config}

    @property
    def ratio(self) -> float | None:
        """The median over its tasks."""
        known = [task.ratio for task in self.tasks.values() if task.ratio is not None]
        return float(np.median(known)) if known else None

    def mean(self, tasks: Sequence[str], steps: float) -> float | None:
        """Of the scores at equal steps on these tasks; None where it lacks one."""
        found = [self.tasks[task].at_steps(steps) if task in self.tasks else None for task in tasks]
        scores = [float(score.value) for score in found if score is not None]
        return float(np.mean(scores)) if scores and len(scores) == len(found) else None


def made_of(
    name: str,
    overrides: Sequence[str],
    command: str,
    runs: Mapping[str, Sequence[Run]],
    costs: Mapping[str, Cost] | None = None,
) -> Row:
    """The row of finished runs by task, at least one each, with what was measured of their costs.

    ValueError where two runs of a task were not trained alike.
    """
    tasks = {}
    for task, of_task in runs.items():
        prints = [fingerprint(run.config) for run in of_task]
        if any(each != prints[0] for each in prints):
            raise ValueError(f"the runs of {name} on {task} were not trained alike")
        tasks[task] = _task_row(prints[0], of_task, (costs or {}).get(task))
    return joined(Row(name, overrides, command, {}, tasks))


def joined(*rows: Row) -> Row:
    """One row of the tasks of several of an arm; of two with the same task the later has it."""
    prints = {task: row.fingerprint(task) for row in rows for task in row.tasks}
    first, *others = prints.values()
    shared = {key: value for key, value in first.items() if all(each.get(key) == value for each in others)}
    tasks = {}
    for task, found in {name: found for row in rows for name, found in row.tasks.items()}.items():
        own = {key: value for key, value in prints[task].items() if key not in shared}
        tasks[task] = replace(found, config=own)
    return replace(rows[-1], config=shared, tasks=tasks)


def _task_row(config: Keys, runs: Sequence[Run], cost: Cost | None) -> TaskRow:
    commits = {run.facts.get("commit") for run in runs}
    parameters = [(run.facts.get("parameters") or {}).get("dynamics") for run in runs]
    return TaskRow(
        digest=digest(config),
        config=config,
        commit=commits.pop() if len(commits) == 1 else None,
        seeds={str(run.seed): Evaluations(run.steps.tolist(), run.returns.tolist()) for run in runs},
        ratio=cost.ratio if cost else None,
        parameters=cost.parameters if cost else parameters[0],
        baseline_parameters=cost.baseline_parameters if cost else None,
        nfe=_known([run.facts.get("nfe_per_latent_step") for run in runs]),
        latent_errors=[_known([_last(run.latent_errors[end]) for run in runs]) for end in (0, 1)],
        esnr=_known([_esnr(run) for run in runs]),
        nonfinite=sum(run.nonfinite for run in runs),
    )


def _last(values: Array) -> float | None:
    return float(values[-LAST:].mean()) if values.size else None


def _esnr(run: Run) -> float | None:
    """Of the policy's gradient at the horizon that it was trained at; None where that was not diagnosed."""
    config, found = run.config, run.diagnostics
    horizon = config.get("trainer.imagination_horizon") or config.get("trainer.horizon")
    horizons = found.get("horizons") or []
    value: float | None = found["esnr"]["value"][horizons.index(horizon)] if horizon in horizons else None
    return value


def _known(values: Sequence[float | None]) -> float | None:
    """The mean of those that are there."""
    found = [value for value in values if value is not None]
    return None if not found else found[0] if len({*found}) == 1 else float(np.mean(found))


def _mean(scores: Array) -> Estimate:
    """scores[..., R] -> [...]"""
    return estimate(aggregates.mean, [scores], repetitions=REPETITIONS, seed=SEED)

"""The row that finished runs make, and rows put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from wmzoo.compare.runs import Run
from wmzoo.scoreboard.cost import Cost
from wmzoo.scoreboard.fingerprint import digest, fingerprint
from wmzoo.scoreboard.row import Evaluations, Row, TaskRow
from wmzoo.statistics.aggregates import Array
from wmzoo.statistics.curves import LAST_EVALUATIONS
from wmzoo.statistics.student import mean_with_interval
from wmzoo.storage.rows import Row as Keys


def made_of(
    name: str,
    overrides: Sequence[str],
    command: str,
    runs: Mapping[str, Sequence[Run]],
    costs: Mapping[str, Cost] | None = None,
    notes: Sequence[str] = (),
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
    return joined(Row(name, overrides, command, {}, tasks, notes))


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
        esnr=_known([_at_horizon(run, "esnr", "value") for run in runs]),
        gradient_cosine=_gradient_cosine(runs),
        nonfinite=sum(run.nonfinite for run in runs),
    )


def _last(values: Array) -> float | None:
    return float(values[-LAST_EVALUATIONS:].mean()) if values.size else None


def _at_horizon(run: Run, *path: str) -> float | None:
    """A figure of the diagnostics at the horizon that the policy was trained at; None where that was not diagnosed."""
    config, found = run.config, run.diagnostics
    horizon = config.get("trainer.imagination_horizon") or config.get("trainer.horizon")
    horizons: list[int] = found.get("horizons") or []
    values: Any = found
    for key in path:
        values = values.get(key) or {}
    value: float | None = values[horizons.index(horizon)] if horizon in horizons and values else None
    return value


def _gradient_cosine(runs: Sequence[Run]) -> list[float | None] | None:
    """Its mean over the runs that have it, with the interval over these, or of one the run's own; None without one."""
    found = [[_at_horizon(run, "gradient_accuracy", "cosine", end) for end in ("value", "low", "high")] for run in runs]
    known = [figures for figures in found if figures[0] is not None]
    if len(known) < 2:
        return known[0] if known else None
    over = mean_with_interval(np.array([value for value, _, _ in known]))
    ends = np.clip([over.low, over.high], -1, 1)  # a cosine's
    return [float(over.value), *(float(end) for end in ends)] if over.has_interval else [float(over.value), None, None]


def _known(values: Sequence[float | None]) -> float | None:
    """The mean of those that are there."""
    found = [value for value in values if value is not None]
    return None if not found else found[0] if len({*found}) == 1 else float(np.mean(found))

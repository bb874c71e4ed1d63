"""The kept runs of a learning study, and its table: one row for each task and arm."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scipy import stats

from wmzoo.runs.metrics import read_metrics
from wmzoo.statistics.curves import LAST_EVALUATIONS
from wmzoo.storage.rows import Row

LATE = 30  # iterations at the end of a run over which the diagnostics are averaged


@dataclass(frozen=True)
class Results:
    """A study's folder <task>/<arm>/seed<N>/metrics.csv; arms without a run are left out."""

    folder: Path
    tasks: Sequence[str]
    arms: Sequence[str]

    def runs(self) -> Iterator[tuple[str, str, list[Path]]]:
        """Task, arm and the metrics of its seeds."""
        for task in self.tasks:
            for arm in self.arms:
                if files := sorted((self.folder / task / arm).glob("seed*/metrics.csv")):
                    yield task, arm, files

    def rows(self) -> list[dict[str, str]]:
        """The table; the task stands in it where there are several."""
        several = len(self.tasks) > 1
        return [({"task": task} if several else {}) | {"arm": arm} | _row(files) for task, arm, files in self.runs()]


def evaluations(rows: Sequence[Row]) -> list[Row]:
    """The rows of a run in which its policy was evaluated."""
    return [row for row in rows if row["eval_return"] is not None]


def last_returns(file: Path) -> list[float]:
    """Of a run's last evaluations."""
    return [row["eval_return"] for row in evaluations(read_metrics(file))[-LAST_EVALUATIONS:]]


def _row(files: Sequence[Path]) -> dict[str, str]:
    """What the seeds came to; of a study of the model, whose policy has hardly begun, the model's figures alone."""
    runs = [read_metrics(file) for file in files]
    curves = [evaluations(run) for run in runs]
    if not any(curves):
        return _model_alone([run[-1] for run in runs])
    late = [row for run in runs for row in run[-LATE:]]
    model = {
        "seconds a run": f"{statistics.median(curve[-1]['wall_clock'] for curve in curves):.0f}",
        "latent error, 1 step": _mean(late, "latent_error_first"),
        "H steps": _mean(late, "latent_error_last"),
        "reward R² at H": _mean(late, "reward_r2_last"),
    }
    if len(curves[0]) < 2:
        return model
    policy = {"saturation": _mean(late, "action_saturation"), "actor gradient": _mean(late, "actor_grad_norm")}
    last = [last_returns(file) for file in files]
    scores, fewest = [statistics.fmean(returns) for returns in last], min(map(len, last))
    every = [row["eval_return"] for curve in curves for row in curve]
    returns = {
        "last three evaluations, by seed": ", ".join(f"{score:.0f}" for score in scores)
        + (f" (of {fewest} evaluations)" if fewest < LAST_EVALUATIONS else ""),
        "mean ± 95%": interval(scores),
        "best": f"{max(every):.0f}",
        "mean over the run": f"{statistics.fmean(every):.0f}",
        "agent steps": f"{curves[0][-1]['env_steps']:,.0f}",
    }
    return returns | model | policy


def _model_alone(ends: Sequence[Row]) -> dict[str, str]:
    """Of trainings of a world model without a policy, from their last rows."""
    figures = {"latent error, 1 step": "latent_error_first", "H steps": "latent_error_last"}
    figures["reward R² at H"] = "reward_r2_last"
    found = {title: interval([row[column] for row in ends], digits=3) for title, column in figures.items()}
    return found | {"CPU seconds a run": f"{statistics.median(row['cpu_time'] for row in ends):.0f}"}


def _mean(rows: Sequence[Row], column: str) -> str:
    """The column's mean over the rows that have it."""
    values = [row[column] for row in rows if row.get(column) is not None]
    return f"{statistics.fmean(values):.2f}" if values else "–"


def interval(values: Sequence[float], digits: int = 0) -> str:
    """Mean and Student's t half-width, as text; no width for one seed."""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return f"{mean:.{digits}f} (one seed)"
    return f"{mean:.{digits}f} ± {half_width(values):.{digits}f}"


def half_width(values: Sequence[float]) -> float:
    """Of the 95% interval of the mean by Student's t, of two values or more."""
    return float(stats.t.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / math.sqrt(len(values))

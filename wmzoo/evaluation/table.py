"""The table of `wmzoo evaluate --tasks`: a score per task, their aggregate, and what has been published."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wmzoo.envs.task_sets import Task
from wmzoo.evaluation.published import CAVEATS, PUBLISHED
from wmzoo.evaluation.tasks import Aggregate, Played
from wmzoo.reports.words import counted, interval


def as_json(played: Sequence[Played], found: Aggregate, tasks: Sequence[Task]) -> dict[str, Any]:
    """Everything, for other programs."""
    rows = [
        {
            "task": one.task.name,
            "run": str(one.run),
            "score": float(one.scores.mean()),
            "returns": list(one.evaluation.returns),
            "successes": None if one.evaluation.successes is None else list(one.evaluation.successes),
        }
        for one in played
    ]
    figures = {
        name: {"value": float(e.value), "low": float(e.low), "high": float(e.high)}
        for name, e in (("mean", found.mean), ("iqm", found.iqm))
    }
    return {"tasks": rows, "score": figures, "resampled": found.resampled, "missing": missing(played, tasks)}


def as_text(played: Sequence[Played], found: Aggregate, tasks: Sequence[Task], published: str | None) -> str:
    """The table for a reader; published: the set whose published figures stand beside it."""
    there = {one.task.name for one in played}
    lines = [f"{'task':26} {'score':>6} {'return':>16} {'success':>8}  runs"]
    for task in tasks:
        group = [one for one in played if one.task == task]
        if group:
            lines.append(_row(task, group))
    of = f"{counted(len(there), 'task')}, 95% intervals over {found.resampled}"
    lines.append(f"{'score':26} mean {interval(found.mean)}, IQM {interval(found.iqm)} ({of})")
    if lacking := missing(played, tasks):
        shown = ", ".join(lacking[:5]) + (f" and {len(lacking) - 5} more" if len(lacking) > 5 else "")
        lines.append(f"not played by any of these runs, and not in the score: {shown}")
    return "\n".join(lines + (_published(published) if published else []))


def missing(played: Sequence[Played], tasks: Sequence[Task]) -> list[str]:
    """Names of the tasks that nobody played."""
    there = {one.task for one in played}
    return [task.name for task in tasks if task not in there]


def _row(task: Task, group: Sequence[Played]) -> str:
    returns = np.concatenate([one.evaluation.returns for one in group])
    score = np.mean([one.scores.mean() for one in group])
    success = "–"
    if task.suite == "metaworld":
        success = f"{100 * np.mean([one.evaluation.success for one in group]):.0f} %"
    return f"{task.name:26} {score:6.1f} {returns.mean():8.1f} ± {returns.std():<5.1f} {success:>8}  {len(group)}"


def _published(name: str) -> list[str]:
    lines = [f"published, {name.upper()}:"]
    for one in PUBLISHED[name]:
        note = f" ({one.note})" if one.note else ""
        lines.append(f"  {one.name:44} mean {one.mean:.1f}, IQM {one.iqm:.1f}{note}")
    return [*lines, *(f"  note: {caveat}" for caveat in CAVEATS if name == "mt80" or not caveat.startswith("Meta"))]

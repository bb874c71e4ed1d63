"""The tables of a study of policies from data: beside the mean return of their data, and beside the agent whose replay
these are, a run of another arm that steps an environment while it learns."""

from __future__ import annotations

import json
import operator
import statistics
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from learning_table import Results, evaluations, interval, last_returns

from wmzoo.checkpoints.config import CONFIG
from wmzoo.data.inspect import inspect
from wmzoo.data.shards import INDEX
from wmzoo.runs.metrics import read_metrics
from wmzoo.statistics.curves import LAST_EVALUATIONS
from wmzoo.statistics.student import mean_with_interval
from wmzoo.storage.files import write_json
from wmzoo.storage.foreign import read_config

DATA = "data.json"  # of a study's folder: by data set and task, what its episodes came to
WANTED = 0.95  # of the agent's return


def keep_data(runs: Iterable[Path], results: Path, root: Path) -> None:
    """Note what the episodes of the runs' data sets came to; of data that are gone the note from before stays."""
    known = _noted(results)
    for name in sorted({name for run in runs if (name := _data(run).get("dir"))}):
        if (root / name / INDEX).is_file():
            known[name] = {
                task.name: {"episodes": task.episodes, "mean return": statistics.fmean(task.returns)}
                for task in inspect(root / name).tasks
            }
    if known:
        write_json(results / DATA, known)


def acts(file: Path) -> bool:
    """Whether a run stepped an environment while it learned."""
    return any(row["env_steps"] for row in evaluations(read_metrics(file)))


def is_from_data(results: Results) -> bool:
    """Whether a policy of the study was learned from data."""
    files = [file for _, _, found in results.runs() for file in found]
    return any(evaluations(read_metrics(file)) and not acts(file) for file in files)


def agent_return(results: Results, task: str) -> float | None:
    """What the agent came to in the end; None where there is none."""
    scores = [_score(file) for of, _, files in results.runs() if of == task for file in files if acts(file)]
    return statistics.fmean(scores) if scores else None


def data_return(results: Results, file: Path) -> float | None:
    """The mean return of the episodes that a run's policy learned from; None where it is not known."""
    cfg = read_config(file.parent / CONFIG)
    of_set = _noted(results.folder).get(_data(file.parent).get("dir"), {})
    names = _data(file.parent).get("tasks") or cfg["env"].get("only") or [*of_set]
    found: dict[str, float] = of_set.get(names[0], {}) if len(names) == 1 else {}
    return found.get("mean return")


def rows(results: Results) -> list[dict[str, str]]:
    """One for each task and arm, the agent's too."""
    found = []
    for task, arm, files in results.runs():
        agent, own = agent_return(results, task), not acts(files[0])
        scores, data = [_score(file) for file in files], data_return(results, files[0]) if own else None
        curves = [evaluations(read_metrics(file)) for file in files]
        late = [row for curve in curves for row in curve[-LAST_EVALUATIONS:]]
        shares = interval([score / agent for score in scores], digits=2) if own and agent else "–"
        found.append(
            {
                **({"task": task} if len(results.tasks) > 1 else {}),
                "arm": arm,
                "last three evaluations, by seed": ", ".join(f"{score:.0f}" for score in scores),
                "mean ± 95%": interval(scores),
                "best": f"{max(row['eval_return'] for curve in curves for row in curve):.0f}",
                "data mean": "–" if data is None else f"{data:.0f}",
                "share of the agent's return": shares,
                "off the data": _mean(late, "off_data"),
                "of what was imagined": _mean(late, "off_data_imagined"),
                "iterations": f"{curves[0][-1]['iteration']:,.0f}",
                "seconds a run": f"{statistics.median(curve[-1]['wall_clock'] for curve in curves):.0f}",
            }
        )
    return found


def acceptance(results: Results) -> list[dict[str, str]]:
    """One for each arm, over all tasks: on how many it reaches WANTED of the agent's return, and on how many it is
    above its data, by its mean over seeds and by the lower end of the mean's 95% interval. Empty where neither is
    known."""
    found = []
    for arm in results.arms:
        files = {task: own for task, of, own in results.runs() if of == arm and not acts(own[0])}
        if not files:
            continue
        agents = {task: agent_return(results, task) for task in files}
        data = {task: data_return(results, own[0]) for task, own in files.items()}
        counts = sorted({len(own) for own in files.values()})
        row = {
            "arm": arm,
            "seeds": " to ".join(str(count) for count in (counts[:1] + counts[-1:] if counts[1:] else counts)),
        }
        if any(agents.values()):
            row["share of the agent's return, mean over tasks"] = _over_tasks(files, agents)
            wanted = {task: None if value is None else WANTED * value for task, value in agents.items()}
            row |= _counted(f"at least {WANTED} of it", files, wanted, operator.ge)
        if any(value is not None for value in data.values()):
            row |= _counted("above the data's mean", files, data, operator.gt)
        if len(row) > 2:
            found.append(row)
    return found


def _counted(
    name: str, files: dict[str, list[Path]], bars: dict[str, float | None], over: Callable[[float, float], bool]
) -> dict[str, str]:
    """On how many of the tasks with a bar the arm is over it."""
    known = {task: bar for task, bar in bars.items() if bar is not None}
    means, surely = 0, 0
    for task, bar in known.items():
        scores = [_score(file) for file in files[task]]
        means += over(statistics.fmean(scores), bar)
        found = mean_with_interval(np.array(scores))
        surely += found.has_interval and over(float(found.low), bar)
    return {name: f"{means} of {len(known)}", f"{name}, its interval too": f"{surely} of {len(known)}"}


def _over_tasks(files: dict[str, list[Path]], agents: dict[str, float | None]) -> str:
    """The mean over tasks of the share, of every seed that all tasks have, and its interval over these."""
    known = {task: agent for task, agent in agents.items() if agent}
    by_seed = {task: {file.parent.name: _score(file) / agent for file in files[task]} for task, agent in known.items()}
    seeds = sorted(set.intersection(*(set(of_task) for of_task in by_seed.values())))
    return (
        interval([statistics.fmean(by_seed[task][seed] for task in known) for seed in seeds], digits=2)
        if seeds
        else "–"
    )


def _score(file: Path) -> float:
    return statistics.fmean(last_returns(file))


def _mean(found: Sequence[Any], column: str) -> str:
    values = [row[column] for row in found if row.get(column) is not None]
    return f"{statistics.fmean(values):.2f}" if values else "–"


def _data(run: Path) -> dict[str, Any]:
    return dict(read_config(run / CONFIG).get("data") or {})


def _noted(results: Path) -> dict[str, Any]:
    file = results / DATA
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else {}

"""Run folders as they are compared: what was set, what came out, and which arm they belong to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from wmzoo.checkpoints.config import CONFIG
from wmzoo.compare.diagnosed import read_diagnostics
from wmzoo.config.rules import RULES
from wmzoo.envs.task_sets import task_of
from wmzoo.errors import DamagedFile, WmzooError
from wmzoo.reports.words import typed
from wmzoo.runs.metrics import metrics_in, read_metrics
from wmzoo.statistics.aggregates import Array
from wmzoo.storage.rows import Row, flat
from wmzoo.storage.run_layout import FACTS, read_facts

AGENT_STEPS, ITERATIONS = "agent steps", "iterations"  # what a run's steps are
FOLDER = "folder"  # --by folder: the arm is the name of the folder that the run lies in

Config = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """One run with its E evaluations. `config` is flat, {"dynamics.name": "flow", …}; seconds are of the wall clock.

    Steps are agent steps; of a run that steps no environment, as a policy learned from data, iterations (`unit`).
    """

    folder: Path
    task: str
    suite: str
    arm: str
    seed: int
    status: str
    steps: Array  # of the evaluations, increasing [E]
    seconds: Array  # [E]
    returns: Array  # mean over the episodes of each [E]
    first: tuple[float, float]  # steps and seconds after the first iteration, the warm-up among them
    speeds: Array  # agent steps per second of the iterations; empty if not recorded
    nonfinite: int  # updates skipped because of a number that was not finite
    config: dict[str, Any]
    facts: dict[str, Any]  # run.json
    diagnostics: dict[str, Any]  # as diagnosed.py reads them
    without_return: tuple[int, ...] = ()  # iterations whose evaluation came to no number: they are not among the E
    action_repeat: int = 1  # environment steps a step; 1 of an iteration
    unit: str = AGENT_STEPS
    cpu_time: Array = field(default_factory=lambda: np.empty(0))  # processor seconds of the evaluations, if recorded
    latent_errors: tuple[Array, Array] = (np.empty(0), np.empty(0))  # open-loop, of the first step and the last

    @property
    def fps(self) -> float:
        """Agent steps per second, the median iteration's; NaN if not recorded."""
        return float(np.median(self.speeds)) if self.speeds.size else float("nan")

    @property
    def trained_as(self) -> str | None:
        """The folder that its config names, where this is another one: a run that has served before. A relative one
        may be below any folder, as whole trees of runs are moved."""
        named = self.config.get("run_dir")
        if not isinstance(named, str) or not named:
            return None
        there, here = Path(named).parts, self.folder.absolute().parts
        return None if here[-len(there) :] == there else Path(named).as_posix()


def find_runs(paths: Sequence[Path]) -> list[Path]:
    """The run folders among and below `paths`, each once, in the order given, below one path in natural order."""
    found: dict[Path, Path] = {}
    for path in paths:
        if not path.is_dir():
            raise WmzooError(f"{path}: no such folder")
        below = sorted(_run_folders(path), key=_natural)
        if not below:
            raise WmzooError(f"{path}: no run in it (a folder with config.yaml and metrics.jsonl or metrics.csv)")
        for folder in below:
            found.setdefault(folder.resolve(), folder)
    return list(found.values())


def _run_folders(path: Path) -> Iterator[Path]:
    """Those of runs that ended before their first row too; a checkpoint has a config and neither of these."""
    for config in path.rglob(CONFIG):
        if metrics_in(config.parent) or (config.parent / FACTS).is_file():
            yield config.parent


def _natural(path: Path) -> list[tuple[int, str]]:
    """seed2 before seed10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", str(path))]


def read_run(folder: Path, cfg: Config, by: Sequence[str]) -> Run:
    """The run whose config is `cfg`. WmzooError where a file of it makes no sense, or a key of `by` is a group."""
    file = metrics_in(folder)
    rows = read_metrics(file) if file else []
    evaluations = [
        row for row in rows if None not in (row.get("eval_return"), row.get("env_steps"), row.get("wall_clock"))
    ]
    if file:
        _check_order(file, rows, evaluations)
    facts = read_facts(folder)
    acts = any(row["env_steps"] for row in evaluations) or any(row.get("iteration") is None for row in evaluations)
    steps = "env_steps" if acts else "iteration"
    return Run(
        folder=folder,
        task=_task(folder, cfg),
        suite=str(select(cfg, "env.name") or ""),
        arm=" ".join(_label(folder, cfg, key) for key in by),
        seed=_whole(folder, cfg, "seed", 0),
        status=str(facts.get("status", "done")),
        steps=_column(evaluations, steps),
        seconds=_column(evaluations, "wall_clock"),
        cpu_time=_column(evaluations, "cpu_time"),
        latent_errors=(_column(evaluations, "latent_error_first"), _column(evaluations, "latent_error_last")),
        returns=_column(evaluations, "eval_return"),
        without_return=_without_return(rows, select(cfg, "eval.every")),
        action_repeat=_whole(folder, cfg, "env.action_repeat", 1) if acts else 1,
        unit=AGENT_STEPS if acts else ITERATIONS,
        first=(float(rows[0].get(steps) or 0), float(rows[0].get("wall_clock") or 0)) if rows else (0.0, 0.0),
        speeds=_column(rows, "fps"),
        nonfinite=int(max(_column(rows, "nonfinite"), default=0)),
        config=flat(cfg),
        facts=facts,
        diagnostics=read_diagnostics(folder),
    )


def _check_order(file: Path, rows: Sequence[Row], evaluations: Sequence[Row]) -> None:
    """DamagedFile where a metrics file goes back, or stays where it is: rows of two runs, or some of them twice."""
    forward = [("iteration", rows, 1), ("env_steps", rows, 0)]
    if any(row["env_steps"] for row in evaluations):
        forward.append(("env_steps", evaluations, 1))
    for name, of, least in forward:
        column = _column(of, name)
        wrong = np.flatnonzero(np.diff(column) < least)
        if wrong.size:
            before, after = (int(value) for value in column[wrong[0] : wrong[0] + 2])
            raise DamagedFile(f"{file}: {name} goes from {before} to {after}; mend it, or move the run away")


def _without_return(rows: Sequence[Row], every: Any) -> tuple[int, ...]:
    """Iterations that were evaluated, by `eval.every` or other figures of an evaluation, and have no return."""

    def evaluated(row: Row) -> bool:
        due = type(every) is int and every > 0 and int(row.get("iteration") or 1) % every == 0
        return due or any(row.get(name) is not None for name in ("eval_return_std", "eval_success"))

    if not any(row.get("eval_return") is not None for row in rows):
        return ()  # no policy was evaluated
    return tuple(int(row.get("iteration") or 0) for row in rows if row.get("eval_return") is None and evaluated(row))


def select(cfg: Config, key: str) -> Any:
    """The value of a dotted key; None where there is no such key."""
    node: Any = cfg
    for name in key.split("."):
        node = node.get(name) if isinstance(node, dict) else None
    return node


def _whole(folder: Path, cfg: Config, key: str, default: int) -> int:
    value = default if (found := select(cfg, key)) is None else found
    if type(value) is not int or not RULES[key].holds(value):
        raise DamagedFile(f"{folder / CONFIG}: {key} is {RULES[key].words}, not {str(value)[:60]!r}")
    return value


def _task(folder: Path, cfg: Config) -> str:
    try:
        return task_of(cfg.get("env") or {})
    except (AttributeError, TypeError) as error:
        raise DamagedFile(f"{folder / CONFIG}: its env names no task") from error


def _column(rows: Sequence[Row], name: str) -> Array:
    return np.array([row[name] for row in rows if row.get(name) is not None], dtype=np.float64)


def _label(folder: Path, cfg: Config, key: str) -> str:
    """An entry's name alone (flow), any other key as `substeps=2`; `key=null` where this run has no such key."""
    if key == FOLDER:
        return folder.resolve().parent.name
    value = select(cfg, key)
    if isinstance(value, dict):
        if "name" not in value:
            inside = ", ".join(map(str, value))
            raise WmzooError(f"--by {key}: a group of keys in {folder}; choose one of {key}.… ({inside})")
        return str(value["name"])
    leaf, is_name = key.rpartition(".")[2], key.endswith(".name")
    return str(value) if is_name and value is not None else f"{leaf}={typed(value)}"

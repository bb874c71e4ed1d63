"""What the arms differ in besides the result: their configs, where they ran, their sizes and speeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wmzoo.compare.analysis import Comparison, once
from wmzoo.compare.runs import Run
from wmzoo.reports.words import typed

PARTS = ("encoder", "dynamics", "reward_head", "actor", "critic", "total")
NOT_OF_THE_ARM = ("seed", "run_dir", "study")  # keys of a config that differ between any two runs, or tell of all
AROUND = (
    "device",
    "threads",
    "cpus",
    "platform",
    "commit",
    "versions",
)  # facts of run.json that change speed or arithmetic
SPEED = ("device", "threads", "cpus", "platform")


@dataclass(frozen=True)
class Difference:
    """A key that differs: its values by arm, several where the runs of an arm have several."""

    key: str
    values: dict[str, list[str]]
    within: bool  # also between runs of one arm on one task


@once
def differences(comparison: Comparison) -> list[Difference]:
    """Keys that differ between arms, or within one, on some task. What differs only between tasks is left out."""
    return [*_differences(comparison, _of_config), *_differences(comparison, _of_run)]


def notes(comparison: Comparison) -> list[str]:
    """Sentences for what makes the comparison doubtful."""
    found = differences(comparison)
    inside = [each.key for each in found if each.within]
    speed = [each.key for each in found if each.key.removeprefix("run.json: ") in SPEED]
    said = []
    if inside:
        said.append(f"Runs of one arm and task differ in {', '.join(inside)}: are they one arm?")
    if speed:
        said.append(f"The runs differ in {', '.join(speed)}: their seconds are not comparable.")
    return said


def _differences(comparison: Comparison, values_of: Callable[[Run], dict[str, Any]]) -> Iterator[Difference]:
    # [task][arm][run] -> {key: text}
    everything = [
        {arm: [values_of(run) for run in runs] for arm, runs in task.runs.items()} for task in comparison.tasks
    ]
    keys = dict.fromkeys(key for arms in everything for runs in arms.values() for run in runs for key in run)
    for key in keys:
        sets = [{arm: _distinct(key, runs) for arm, runs in arms.items()} for arms in everything]
        within = any(len(values) > 1 for arms in sets for values in arms.values())
        between = any(len({tuple(sorted(values)) for values in arms.values()}) > 1 for arms in sets)
        if within or between:
            of_arm = {arm: list(dict.fromkeys(v for arms in sets for v in arms[arm])) for arm in comparison.arms}
            yield Difference(key, of_arm, within)


def _distinct(key: str, runs: Sequence[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(typed(run.get(key)) for run in runs))


def _of_config(run: Run) -> dict[str, Any]:
    return {key: value for key, value in run.config.items() if key.partition(".")[0] not in NOT_OF_THE_ARM}


def _of_run(run: Run) -> dict[str, Any]:
    facts = {key: run.facts[key] for key in AROUND if key in run.facts}
    versions = facts.pop("versions", None)
    if isinstance(versions, dict):
        facts |= {f"versions.{name}": version for name, version in versions.items()}
    return {f"run.json: {key}": value for key, value in facts.items()}


@dataclass(frozen=True)
class Parity:
    """Capacity, cost and speed of an arm on a task; NaN where unknown. `relative`: 0.01 is 1% above the baseline."""

    task: str
    arm: str
    values: dict[str, float]
    relative: dict[str, float]


COST = {"nfe_per_latent_step": "NFE", "fps": "agent steps/s"}


def parity(comparison: Comparison) -> list[Parity]:
    """A row per task and arm: parameters of each part, evaluations per latent step, speed; medians over runs."""
    rows = []
    for task in comparison.tasks:
        base = _sizes(task.runs[comparison.arms[0]])
        for arm in comparison.arms:
            values = _sizes(task.runs[arm])
            relative = {key: value / base[key] - 1 if base[key] else float("nan") for key, value in values.items()}
            rows.append(Parity(task.name, arm, values, relative))
    return rows


def _sizes(runs: Sequence[Run]) -> dict[str, float]:
    found: dict[str, list[Any]] = {part: [_parameters(run).get(part) for run in runs] for part in PARTS}
    found["nfe_per_latent_step"] = [run.facts.get("nfe_per_latent_step") for run in runs]
    found["fps"] = [run.fps for run in runs]
    return {key: _median(values) for key, values in found.items()}


def _parameters(run: Run) -> dict[str, Any]:
    found = run.facts.get("parameters")
    return found if isinstance(found, dict) else {}


def _median(values: Sequence[Any]) -> float:
    known = [float(value) for value in values if isinstance(value, int | float)]
    return float(np.median(known)) if known else float("nan")

"""Returns that others have published, to stand beside learning curves. scoreboard/published.yaml says whose they are.

They count environment steps. A run's agent steps are these divided by its action repeat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from wmzoo.compare.tasks import Task
from wmzoo.registry.cards import load_yaml
from wmzoo.registry.tasks import plain
from wmzoo.reports.table import Cell, Table
from wmzoo.storage.package_data import data_dir

CHANGES = ("env.sticky", "env.push", "env.hide_velocities", "env.episode_length")


@dataclass(frozen=True)
class Points:
    """A method's mean returns on a task, after so many agent steps of runs like ours."""

    method: str
    steps: list[float]
    returns: list[float]


class Group(NamedTuple):
    """One of the file's: methods that were measured after the same numbers of environment steps, on the same tasks.

    tasks: by the name after env=, for each method its returns.
    """

    source: str
    environment_steps: list[int]
    methods: list[str]
    tasks: dict[str, list[list[float]]]


@cache
def groups(file: Path | None = None) -> list[Group]:
    """Those of a file; without one, of the file that comes with wmzoo."""
    content = load_yaml(file or data_dir("scoreboard") / "published.yaml")
    return [Group(**each) for each in content["groups"]]


def group_of(task: str, file: Path | None = None) -> Group | None:
    """The one that has the task, by its name after env=."""
    return next((group for group in groups(file) if task in group.tasks), None)


def points(task: Task) -> list[Points]:
    """Of every method; none for a task without published figures, where it was changed, and where its runs repeat
    actions differently."""
    runs = [run for of_arm in task.runs.values() for run in of_arm]
    suite = runs[0].suite
    name = plain(task.name) if suite == "dmc" else f"{suite}_{plain(task.name)}"
    found = group_of(name)
    changed = any(run.suite != suite or any(run.config.get(key) for key in CHANGES) for run in runs)
    if found is None or changed or not task.action_repeat:
        return []
    steps = [each / task.action_repeat for each in found.environment_steps]
    return [Points(method, steps, of) for method, of in zip(found.methods, found.tasks[name], strict=True)]


def without(tasks: Sequence[Task]) -> str:
    """A sentence about the tasks that have no published figures; empty where all have."""
    names = [task.name for task in tasks if not points(task)]
    return f"No published returns beside {', '.join(names)}: there are none for what these runs play." if names else ""


def table(tasks: Sequence[Task]) -> Table:
    """What is drawn."""
    rows: list[list[Cell]] = [
        [task.name, each.method, at, at * (task.action_repeat or 1), float(score)]
        for task in tasks
        for each in points(task)
        for at, score in zip(each.steps, each.returns, strict=True)
    ]
    columns = ["task", "method", "agent steps", "environment steps", "return"]
    return Table("published", "Published returns.", columns, rows)


def source() -> str:
    """For the report's last section."""
    return (
        f"Published returns are means after so many environment steps, drawn at these divided by the action repeat:"
        f" {'; '.join(group.source for group in groups())}. Their spread, code and machines are others."
    )

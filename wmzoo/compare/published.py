"""Returns that others have published, to stand beside learning curves. scoreboard/published.yaml says whose they are.

They count environment steps. A run's agent steps are these divided by its action repeat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from wmzoo.compare.tasks import Task
from wmzoo.registry.cards import load_yaml
from wmzoo.registry.tasks import plain
from wmzoo.reports.table import Cell, Table
from wmzoo.storage.package_data import data_dir

CHANGES = ("env.sticky", "env.push", "env.hide_velocities")


@dataclass(frozen=True)
class Points:
    """A method's mean returns on a task, after so many agent steps of runs like ours."""

    method: str
    steps: list[float]
    returns: list[float]


@cache
def _content() -> dict[str, Any]:
    return load_yaml(data_dir("scoreboard") / "published.yaml")


def points(task: Task) -> list[Points]:
    """Of every method; none for a task without published figures, where it was changed, and where its runs repeat
    actions differently."""
    content = _content()
    found = content["tasks"].get(plain(task.name))
    configs = [run.config for runs in task.runs.values() for run in runs]
    changed = not task.natural or any(config.get(key) for config in configs for key in CHANGES)
    if not found or changed or not task.action_repeat:
        return []
    steps = [each / task.action_repeat for each in content["environment_steps"]]
    return [Points(method, steps, returns) for method, returns in zip(content["methods"], found, strict=True)]


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
        f" {_content()['source']}. Their spread, code and machines are others."
    )

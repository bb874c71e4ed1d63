"""The runs of a study beside what others have published, at equal environment steps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from learning_table import Results, evaluations, interval

from wmzoo.registry.cards import load_yaml
from wmzoo.runs.metrics import read_metrics
from wmzoo.statistics.curves import LAST_EVALUATIONS, score_at
from wmzoo.storage.package_data import data_dir

FILE = data_dir("scoreboard") / "published.yaml"
WITHIN = 0.99  # of so many steps a run counts as one of that length


def rows(results: Results, file: Path = FILE) -> list[dict[str, str]]:
    """A row for each task and number of environment steps: our arms, with the mean of the last three evaluations up to
    there, its 95% interval over seeds and their number, and the others' means."""
    published = load_yaml(file)
    arms = [arm for arm in results.arms if any(of == arm for _, of, _ in results.runs())]
    found = []
    for task, others in ((task, published["tasks"].get(task)) for task in results.tasks):
        for place, steps in enumerate(published["environment_steps"] if others else []):
            ours = {arm: _score(results.folder / task / arm, steps) for arm in arms}
            if any(ours.values()):
                named = dict(zip(published["methods"], (str(row[place]) for row in others), strict=True))
                cells = {arm: text or "–" for arm, text in ours.items()}
                found.append({"task": task, "environment steps": f"{steps:,}", **cells, **named})
    return found


def last_of_each_task(table: list[dict[str, str]]) -> list[dict[str, str]]:
    """The rows at the most steps."""
    return list({row["task"]: row for row in table}.values())


def _score(arm: Path, steps: int) -> str | None:
    """Of the arm's seeds that came so far; None where there are none."""
    scores = []
    for file in sorted(arm.glob("seed*/metrics.csv")):
        repeat = load_yaml(file.with_name("config.yaml"))["env"]["action_repeat"]
        seen = evaluations(read_metrics(file))
        x, y = (np.array([row[name] for row in seen], dtype=float) for name in ("env_steps", "eval_return"))
        if seen and repeat * x[-1] >= WITHIN * steps:
            scores.append(score_at(repeat * x, y, steps, LAST_EVALUATIONS))
    many = f", n={len(scores)}" if len(scores) > 1 else ""
    return interval(scores) + many if scores else None

"""The runs of a study beside what others have published, at equal environment steps."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from learning_table import Results, evaluations, interval

from wmzoo.compare.published import group_of, groups
from wmzoo.registry.cards import load_yaml
from wmzoo.runs.metrics import read_metrics
from wmzoo.statistics.curves import LAST_EVALUATIONS, score_at
from wmzoo.statistics.student import FEWEST

WITHIN = 0.99  # of so many steps a run counts as one of that length


def rows(results: Results, file: Path | None = None) -> list[dict[str, str]]:
    """A row for each task and number of environment steps: our arms, with the mean of the last three evaluations up to
    there, its 95% interval over seeds and their number, and the others' means; – where there is none.

    file: of the published figures, where not those that come with wmzoo. Tasks that it lacks are taken at the steps of
    its first group.
    """
    arms = [arm for arm in results.arms if any(of == arm for _, of, _ in results.runs())]
    there = list(dict.fromkeys(task for task, _, _ in results.runs()))
    methods = [method for group in map(partial(group_of, file=file), there) if group for method in group.methods]
    found = []
    for task in there:
        group = group_of(task, file)
        for place, steps in enumerate((group or groups(file)[0]).environment_steps):
            ours = {arm: _score(results.of(task, arm), steps) for arm in arms}
            if any(ours.values()):
                others = zip(group.methods, group.tasks[task], strict=True) if group else ()
                named = dict.fromkeys(methods, "–") | {method: f"{of[place]}" for method, of in others}
                cells = {arm: text or "–" for arm, text in ours.items()}
                found.append({"task": task, "environment steps": f"{steps:,}", **cells, **named})
    return found


def last_of_each_task(table: list[dict[str, str]]) -> list[dict[str, str]]:
    """The rows at the most steps."""
    return list({row["task"]: row for row in table}.values())


def _score(files: Sequence[Path], steps: int) -> str | None:
    """Of the seeds that came so far; None where there are none."""
    scores = []
    for file in files:
        repeat = load_yaml(file.with_name("config.yaml"))["env"].get("action_repeat", 1)
        seen = evaluations(read_metrics(file))
        x, y = (np.array([row[name] for row in seen], dtype=float) for name in ("env_steps", "eval_return"))
        if seen and repeat * x[-1] >= WITHIN * steps:
            scores.append(score_at(repeat * x, y, steps, LAST_EVALUATIONS))
    many = f", n={len(scores)}" if len(scores) >= FEWEST else ""
    return interval(scores) + many if scores else None

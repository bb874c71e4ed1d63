"""Rows as files: row.json of `wmzoo bench`, and the references of the package, scoreboard/NAME.json."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from wmzoo.errors import DamagedFile
from wmzoo.scoreboard.row import POINTS, Evaluations, Row, TaskRow
from wmzoo.statistics.bootstrap import Estimate
from wmzoo.storage.files import write_text
from wmzoo.storage.foreign import read_json
from wmzoo.storage.package_data import data_dir
from wmzoo.storage.rows import plain

ROW = "row.json"
DIGITS = 5  # significant ones of what was measured


def write_row(row: Row, file: Path) -> None:
    """Its evaluations and figures, and for whoever reads the file the scores that follow from them."""
    content = asdict(row)
    for name, task in row.tasks.items():
        scores = {"returns": task.at_steps, "returns_at_equal_seconds": task.at_seconds}
        content["tasks"][name] |= {key: {str(at): _interval(of(at)) for at in POINTS} for key, of in scores.items()}
    content["tasks"] = _rounded(content["tasks"])
    write_text(file, _on_lines(content))


def read_row(file: Path) -> Row:
    """DamagedFile for a file that is none."""
    content = read_json(file)
    try:
        tasks = {name: _task(dict(task)) for name, task in content.pop("tasks").items()}
        return Row(**content, tasks=tasks)
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        raise DamagedFile(f"{file}: no row of the scoreboard; remove it") from error


def references() -> dict[str, Row]:
    """The rows that come with wmzoo, by their names."""
    return {file.stem: read_row(file) for file in sorted(data_dir("scoreboard").glob("*.json"))}


def best(rows: Sequence[Row], tasks: Sequence[str]) -> Row | None:
    """Of those with a score on these tasks the one whose mean, at the most steps that one of them has, is highest."""
    for steps in reversed(POINTS):
        scores = [(row.mean(tasks, steps), row) for row in rows]
        known = [(score, row) for score, row in scores if score is not None]
        if known:
            return max(known, key=lambda pair: pair[0])[1]
    return None


def _task(content: dict[str, Any]) -> TaskRow:
    for derived in ("returns", "returns_at_equal_seconds"):
        content.pop(derived, None)
    seeds = {seed: Evaluations(**found) for seed, found in content.pop("seeds").items()}
    return TaskRow(**content, seeds=seeds)


def _interval(score: Estimate | None) -> list[float] | None:
    """Mean, low end, high end; the ends NaN where there is no interval."""
    return None if score is None else [float(end) for end in (score.value, score.low, score.high)]


def _rounded(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: value if key == "config" else _rounded(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [_rounded(each) for each in node]
    value = plain(node)
    if not isinstance(value, float):
        return value
    return int(value) if value.is_integer() else float(f"{value:.{DIGITS}g}")


def _on_lines(content: Any) -> str:
    """JSON with a line for each list of numbers, not for each number."""
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    return re.sub(r"\[[^\[\]{}\"]*\]", lambda found: " ".join(found[0].split()), text) + "\n"

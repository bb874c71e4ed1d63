"""The end of a sweep (`wmzoo train -m`): its runs in a table, from what each has noted, and what compares them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wmzoo.reports.pace import duration
from wmzoo.reports.words import counted, number
from wmzoo.runs.metrics import read_metrics
from wmzoo.statistics.curves import LAST_EVALUATIONS
from wmzoo.storage.files import make_folder, write_json
from wmzoo.storage.foreign import read_json

NOTES = "notes"  # of the sweep's folder
NO_ARMS = ("seed", "env", "env.task", "env.set", "run_dir")  # do not tell arms apart
NOT_KEPT = ("size", "experiment")  # nor are these keys of a run's config
Note = dict[str, Any]


def note(sweep: Path, job: int, **facts: Any) -> None:
    """Keep what became of a run: its overrides, its folder, its status (done, failed, interrupted), and the error."""
    write_json(make_folder(sweep, NOTES) / f"{job}.json", {"job": job, **facts})


def notes(sweep: Path, since: float) -> list[Note]:
    """What was noted since then, so not of an earlier sweep in the same folder."""
    files = [file for file in (sweep / NOTES).glob("*.json") if file.stat().st_mtime >= since - 1]
    return [read_json(file) for file in sorted(files, key=lambda file: int(file.stem))]


def own(one: Note, swept: Sequence[str]) -> str:
    """The overrides in which a run differs from others of its sweep."""
    return " ".join(word for word in one["overrides"] if word.lstrip("+").partition("=")[0] in swept)


def table(ended: Sequence[Note], swept: Sequence[str], sweep: Path) -> list[str]:
    """A line a run: its own overrides, its last evaluations, how long it took, and its folder, below the sweep's."""
    head = ("run", f"last {LAST_EVALUATIONS} evaluations", "took", "folder")
    rows = [(own(one, swept), *_told(one), _place(one, sweep)) for one in ended]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in (head, *rows))
    return [f"{counted(len(ended), 'run')} in {sweep}", *lines]


def next_command(ended: Sequence[Note], swept: Sequence[str], sweep: Path) -> str | None:
    """What compares the arms, where there are several with finished runs."""
    good = [one for one in ended if one["status"] == "done"]
    keys = [key for key in swept if key not in (*NO_ARMS, *NOT_KEPT)]
    if len({own(one, keys) for one in good}) < 2:
        return None
    below = all(not Path(_place(one, sweep)).is_absolute() for one in good)
    places = [str(sweep)] if below else [one["folder"] for one in good]
    by = [word for key in keys for word in ("--by", key)]
    return shlex.join(["wmzoo", "compare", *places, *by, "--out", "report"])


def _told(one: Note) -> tuple[str, str]:
    """The last evaluations, and how long it took."""
    if one["status"] != "done":
        return one["status"], ""
    rows = read_metrics(Path(one["folder"]))
    returns = [number(row["eval_return"]) for row in rows if row.get("eval_return") is not None]
    return " ".join(returns[-LAST_EVALUATIONS:]), duration(rows[-1].get("wall_clock") if rows else None)


def _place(one: Note, sweep: Path) -> str:
    """A run's folder, below the sweep's where it is."""
    folder = Path(one["folder"]).absolute()
    return str(folder.relative_to(sweep.absolute())) if folder.is_relative_to(sweep.absolute()) else one["folder"]

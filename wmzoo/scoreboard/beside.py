"""What stands beside an arm: the mlp and the best of the references, and whether these are of today's settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from omegaconf import OmegaConf

from wmzoo.agent.build import BASELINE
from wmzoo.config.composition import compose
from wmzoo.errors import WmzooError
from wmzoo.registry.cards import cards
from wmzoo.scoreboard.arm import KINDS, command_of
from wmzoo.scoreboard.files import ROW, best, read_row, references
from wmzoo.scoreboard.fingerprint import differences, fingerprint
from wmzoo.scoreboard.from_runs import joined
from wmzoo.scoreboard.row import Row
from wmzoo.scoreboard.suite import suite

NAMED = 3  # of the keys in which a reference differs


def rows_beside(name: str, tasks: Sequence[str], root: Path, dynamics: str = BASELINE) -> list[Row]:
    """The mlp's row and, where they are others, those of the arm's dynamics as it comes and of the best entry on these
    tasks, without the arm itself.

    Rows are those that come with wmzoo, with what `wmzoo bench` has made of the same entries in `root` in their place.
    """
    rows = references()
    for entry in {entry for kind, entry in cards() if kind in KINDS}:
        if (file := root / entry / ROW).is_file():
            rows[entry] = joined(*filter(None, [rows.get(entry), read_row(file)]))
    rows = {other: row for other, row in rows.items() if other != name and {*row.tasks} & {*tasks}}
    found = [rows.get(BASELINE), rows.get(dynamics), best(list(rows.values()), tasks)]
    return list({row.name: row for row in found if row is not None}.values())


def stale(rows: Sequence[Row], tasks: Sequence[str]) -> list[str]:
    """A sentence for each of their tasks that was trained with other settings than it would be today."""
    said = []
    for row in rows:
        shared, overrides = suite(",".join(tasks))
        for task in filter(row.tasks.__contains__, tasks):
            try:
                cfg = compose([*shared, *overrides[task], *row.overrides])
            except WmzooError:  # made with a plugin that is not loaded here
                continue
            if found := why_stale(row, task, OmegaConf.to_container(cfg, resolve=True)):  # type: ignore[arg-type]
                said.append(found)
    return said


def why_stale(row: Row, task: str, cfg: Mapping[str, object]) -> str:
    """Empty where the row's runs on the task are of the config."""
    found = differences(row.fingerprint(task), fingerprint(cfg))
    if not found:
        return ""
    more = f", and {len(found) - NAMED} more" if len(found) > NAMED else ""
    told, command = "; ".join(found[:NAMED]), command_of(row.overrides)
    return f"{row.name} on {task} was made with another recipe ({told}{more}): train it again with `{command}`"

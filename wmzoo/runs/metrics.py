"""metrics.jsonl: one flushed row per iteration, null for what is missing; and its CSV form."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from wmzoo.errors import DamagedFile, WmzooError
from wmzoo.storage.files import write_text
from wmzoo.storage.rows import Row, plain

COLUMNS = (
    *("iteration", "env_steps", "wall_clock", "fps", "rewards", "episode_length", "success", "success_any"),
    *("policy_loss", "value_loss", "dynamics_loss", "reward_loss", "wm_loss"),
    *("actor_grad_norm", "critic_grad_norm", "wm_grad_norm", "latent_norm", "action_saturation"),
    *("esnr_running", "esnr_running_db"),
    *("nonfinite", "recovered", "buffer_size", "lr"),
    *("eval_return", "eval_return_std", "eval_success", "eval_success_any"),
)


def complete(row: Mapping[str, Any]) -> Row:
    """The row with every column of COLUMNS in their order (None where absent), then its own extra ones."""
    extra = [name for name in row if name not in COLUMNS]
    return {name: plain(row.get(name)) for name in (*COLUMNS, *extra)}


class MetricsWriter:
    """Appends complete rows to a JSON-lines file; each row is flushed when `write` returns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: TextIO = open(path, "a", encoding="utf-8")  # noqa: SIM115 (open as long as the run)

    def write(self, row: Mapping[str, Any]) -> Row:
        filled = complete(row)
        self._file.write(json.dumps(filled, allow_nan=False) + "\n")
        self._file.flush()
        return filled

    def close(self) -> None:
        self._file.close()


def read_metrics(path: Path | str) -> list[Row]:
    """Rows of a metrics.jsonl (or .csv), or of the one in a run folder; a last row torn by a crash is left out."""
    path = Path(path)
    path = path / "metrics.jsonl" if path.is_dir() else path
    if not path.is_file():
        raise WmzooError(f"{path}: no such metrics file")
    if path.suffix == ".csv":
        with open(path, newline="", encoding="utf-8") as file:
            return [{name: float(cell) if cell else None for name, cell in row.items()} for row in csv.DictReader(file)]
    lines = path.read_bytes().splitlines()
    rows: list[Row] = []
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(_row(line))
        except ValueError as error:
            if number < len(lines):
                raise DamagedFile(f"{path}, line {number}: no row of metrics ({error}); mend or delete it") from error
    return rows


def _row(line: bytes) -> Row:
    """One line's row; ValueError (as of bad JSON or text) where it is none."""
    row = json.loads(line)
    if not isinstance(row, dict):
        raise ValueError("no mapping")
    if not all(value is None or (isinstance(value, int | float) and math.isfinite(value)) for value in row.values()):
        raise ValueError("a value is neither a finite number nor null")
    if type(row.get("iteration", 0)) is not int:
        raise ValueError("its iteration is no integer")
    return row


def rewrite_metrics(path: Path, rows: list[Row]) -> None:
    """Make `rows` the whole content of a metrics.jsonl, in one step."""
    write_text(path, "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows))

"""metrics.jsonl: one flushed row per iteration, null for what is missing; and its CSV form."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from wmzoo.errors import DamagedFile, WmzooError, one_line
from wmzoo.storage.files import open_to_append, write_text
from wmzoo.storage.foreign import parse_json
from wmzoo.storage.rows import Row, plain

FILES = ("metrics.jsonl", "metrics.csv")  # in a run folder; a committed result has the second alone
COLUMNS = {  # in this order; what each is
    "iteration": "counted from 1",
    "env_steps": "agent steps of all environments together, the warm-up's too; × env.action_repeat: environment steps",
    "wall_clock": "seconds of training, those before a resume too",
    "cpu_time": "processor seconds of training, all threads but no worker processes, those before a resume too",
    "fps": "agent steps per second of the iteration, without its evaluation",
    "rewards": "the return of training episodes, the mean over those that ended in the iteration",
    "episode_length": "of these, in agent steps",
    "success": "share of these that were a success at their last step",
    "success_any": "share of these that were one at any step",
    "policy_loss": "the negative imagined return that the actor descends",
    "value_loss": "of the critics",
    "dynamics_loss": "of the world model",
    "reward_loss": "of the world model",
    "termination_loss": "of the world model, where tasks can end by themselves",
    "wm_loss": "all together, with their coefficients",
    "actor_grad_norm": "before clipping",
    "critic_grad_norm": "before clipping",
    "wm_grad_norm": "before clipping",
    "latent_norm": "mean over imagined latents",
    "action_saturation": "share of imagined actions beyond ±0.97",
    "entropy": "of the policy in imagined rollouts, per action, in nats",
    "entropy_coef": "α, by which it is rewarded",
    "imagined_end": "mean probability that an imagined step ends its episode",
    "esnr_running": "expected signal-to-noise ratio of the actor's gradients so far",
    "esnr_running_db": "the same in decibels",
    "nonfinite": "updates and steps so far that were left out over a number that was not finite",
    "recovered": "simulations of the iteration that failed and were started anew",
    "buffer_size": "rows of the replay",
    "lr": "the world model's learning rate",
    "eval_return": "of the deterministic policy, the mean over eval.episodes",
    "eval_return_std": "their standard deviation",
    "eval_success": "share of them that were a success at their last step",
    "eval_success_any": "share of them that were one at any step",
}


def complete(row: Mapping[str, Any]) -> Row:
    """The row with every column of COLUMNS in their order (None where absent), then its own extra ones."""
    extra = [name for name in row if name not in COLUMNS]
    return {name: plain(row.get(name)) for name in (*COLUMNS, *extra)}


class MetricsWriter:
    """Appends complete rows to a JSON-lines file; each row is flushed when `write` returns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: TextIO = open_to_append(path)

    def write(self, row: Mapping[str, Any]) -> Row:
        filled = complete(row)
        self._file.write(json.dumps(filled, allow_nan=False) + "\n")
        self._file.flush()
        return filled

    def close(self) -> None:
        self._file.close()


def metrics_in(folder: Path) -> Path | None:
    """A run's metrics file, if it has one."""
    return next((folder / name for name in FILES if (folder / name).is_file()), None)


def read_metrics(path: Path | str) -> list[Row]:
    """Rows of a metrics.jsonl (or .csv), or of the one in a run folder; a last row torn by a crash is left out."""
    path = Path(path)
    path = metrics_in(path) or path / FILES[0] if path.is_dir() else path
    if not path.is_file():
        raise WmzooError(f"{path}: no such metrics file")
    if path.suffix == ".csv":
        return _csv_rows(path)
    lines = path.read_bytes().splitlines(keepends=True)
    if lines and not lines[-1].endswith((b"\n", b"}")):
        del lines[-1]  # torn
    rows: list[Row] = []
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(_row(line))
        except ValueError as error:
            raise _no_row(path, number, error) from error
    return rows


def _row(line: bytes) -> Row:
    """One line's row; ValueError (as of bad JSON or text) where it is none."""
    row = parse_json(line)
    if not isinstance(row, dict):
        raise ValueError("no mapping")
    if not all(value is None or isinstance(value, int | float) for value in row.values()):
        raise ValueError("a value is neither a finite number nor null")
    if type(row.get("iteration", 0)) is not int:
        raise ValueError("its iteration is no integer")
    return row


def _csv_rows(path: Path) -> list[Row]:
    rows: list[Row] = []
    try:
        with open(path, newline="", encoding="utf-8") as file:
            for cells in csv.DictReader(file):
                row = {name: float(cell) if cell else None for name, cell in cells.items()}
                if not all(value is None or math.isfinite(value) for value in row.values()):
                    raise ValueError("a number that is not finite")
                rows.append(row)
    except (ValueError, TypeError, csv.Error) as error:
        raise _no_row(path, len(rows) + 2, error) from error
    return rows


def _no_row(path: Path, line: int, error: Exception) -> DamagedFile:
    return DamagedFile(f"{path}, line {line}: no row of metrics ({one_line(error)}); mend or delete it")


def rewrite_metrics(path: Path, rows: list[Row]) -> None:
    """Make `rows` the whole content of a metrics.jsonl, in one step."""
    write_text(path, "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows))

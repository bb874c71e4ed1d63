"""Rows of figures: plain values, and their CSV form."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wmzoo.storage.files import write_text

Row = dict[str, Any]
NUMBER = r"[-+]?(\d[\d,]*\.?\d*|\.\d+|inf|nan)(e[-+]?\d+)?"
NUMBERS = re.compile(rf"{NUMBER}((, | ± ){NUMBER})*( \(one seed\))?", re.IGNORECASE)  # -340, -296 or -365 ± 209
FORMULAS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # what a formula may begin with


def plain(value: Any) -> Any:
    """A JSON value: 0-d tensors and NumPy scalars become Python numbers, NaN and infinities None."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def flat(node: Mapping[str, Any], prefix: str = "") -> Row:
    """Nested mappings as one row: {"dynamics": {"name": "flow"}} -> {"dynamics.name": "flow"}; lists are values."""
    row: Row = {}
    for name, value in node.items():
        row |= flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return row


def cell(value: Any) -> Any:
    """A text that a spreadsheet would run (`=HYPERLINK(…)`) with an apostrophe before it, by which it stays text."""
    if isinstance(value, str) and value.lstrip()[:1] in FORMULAS and not NUMBERS.fullmatch(value):
        return f"'{value}"
    return value


def write_csv(
    rows: Sequence[Mapping[str, Any]], path: Path, columns: Sequence[str] = (), digits: int | None = None
) -> None:
    """Writes the rows as CSV, null as an empty cell.

    Args:
        columns: the header of a file without rows; else it is the union of the rows' columns, as they appear.
        digits: significant ones of numbers with a fraction; all of them, if left out.
    """
    if digits is not None:
        rows = [{name: _rounded(value, digits) for name, value in row.items()} for row in rows]
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)) or columns, restval="")
    writer.writerow({name: cell(name) for name in writer.fieldnames})
    writer.writerows({name: cell(value) for name, value in row.items()} for row in rows)
    write_text(path, file.getvalue())


def _rounded(value: Any, digits: int) -> Any:
    return f"{value:.{digits}g}" if isinstance(value, float) else value

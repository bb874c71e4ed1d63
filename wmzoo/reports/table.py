"""A table: one set of rows for the page and for the CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from wmzoo.reports.words import interval, number
from wmzoo.statistics.bootstrap import Estimate
from wmzoo.statistics.curves import Reach
from wmzoo.storage.rows import cell as as_cell

Cell = str | int | float | Estimate | Reach | None


@dataclass(frozen=True)
class Table:
    """`name` is the CSV's. Rows may be grouped by their first cell."""

    name: str
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]


def text(cell: Cell) -> str:
    """A cell for a reader."""
    if isinstance(cell, Reach):
        missed = f"not reached ({cell.missed} of {cell.runs})"
        if cell.missed == 0:
            return interval(cell.median)
        return missed if float(cell.median.value) == float("inf") else f"{interval(cell.median)}; {missed}"
    if isinstance(cell, Estimate):
        return interval(cell)
    return cell if isinstance(cell, str) else number(cell)


def aligned(rows: Sequence[Sequence[str]], left: Sequence[int] = ()) -> list[str]:
    """A line of text per row, its cells in columns: to the right, those of the columns `left` to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    sides = [str.ljust if number in left else str.rjust for number in range(len(widths))]
    lines = ("  ".join(side(c, w) for side, c, w in zip(sides, row, widths, strict=True)) for row in rows)
    return [line.rstrip() for line in lines]


def to_csv(table: Table) -> str:
    """Full numbers; an estimate takes the columns `x`, `x low`, `x high`, a time to a threshold `x not reached` too."""
    kinds = [next((type(row[i]) for row in table.rows if row[i] is not None), str) for i in range(len(table.columns))]
    extra = {Estimate: ("", " low", " high"), Reach: ("", " low", " high", " not reached")}
    header = [f"{name}{end}" for name, kind in zip(table.columns, kinds, strict=True) for end in extra.get(kind, ("",))]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(map(as_cell, header))
    for row in table.rows:
        pairs = zip(row, kinds, strict=True)
        writer.writerow([as_cell(v) for cell, kind in pairs for v in _values(cell, len(extra.get(kind, ("",))))])
    return file.getvalue()


def _values(cell: Cell, columns: int) -> list[object]:
    if cell is None:
        return [""] * columns
    if isinstance(cell, Reach):
        return [*_values(cell.median, 3), cell.missed]
    if isinstance(cell, Estimate):
        return ["" if value != value else float(value) for value in (cell.value, cell.low, cell.high)]
    return ["" if cell != cell else cell]

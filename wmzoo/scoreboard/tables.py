"""The figures of rows, a line for each task and arm: for the terminal and for pages."""

from __future__ import annotations

from collections.abc import Sequence

from wmzoo.reports.table import Cell, Table, aligned, text
from wmzoo.reports.words import MINUS
from wmzoo.scoreboard.row import POINTS, WITHIN, Row, TaskRow

PARITY = 0.02  # of the mlp's parameters


def returns(rows: Sequence[Row], tasks: Sequence[str]) -> Table:
    """Scores at equal steps, and at the seconds that the mlp needs for these; at the end, where that comes before."""
    there = _there(rows, tasks)
    short = any(found.end < WITHIN * POINTS[-1] for _, _, found in there)
    cells: list[list[Cell]] = []
    for task, row, found in there:
        at_end = [found.at_steps(found.end)] if short else []
        scores = [*map(found.at_steps, POINTS), *at_end, *map(found.at_seconds, POINTS)]
        cells.append([task, row.name, len(found.seeds), *scores])
    columns = ["task", "arm", "seeds", *map(_thousands, POINTS), *(["the end"] if short else [])]
    caption = (
        "Mean return, with its 95% interval over seeds where there are three, after so many thousand agent steps, and "
        "in the seconds that the mlp needs for as many."
    )
    return Table("returns", caption, [*columns, *(f"time of {_thousands(at)}" for at in POINTS)], cells)


def costs(rows: Sequence[Row], tasks: Sequence[str]) -> Table:
    cells: list[list[Cell]] = []
    for task, row, found in _there(rows, tasks):
        size, model = [found.parameters, relative_parameters(found), found.nfe], [*found.latent_errors, found.esnr]
        ratio = None if found.ratio is None else float(found.ratio)
        cells.append([task, row.name, ratio, *size, *model, found.gradient_accuracy, found.nonfinite])
    columns = ["task", "arm", "seconds / mlp's", "parameters", "to mlp's", "NFE", "error, 1 step", "last step"]
    caption = (
        "Seconds of an iteration against the mlp's; the dynamics' parameters and its evaluations per latent step "
        "(NFE); errors of open-loop predictions at the end of training (1: no better than no change); signal-to-noise "
        "ratio of the policy's gradient at the trained horizon (ESNR), and there the cosine of the model's gradients "
        "by the actions with the simulator's, with its 95% interval over three seeds or more, or of one over episodes "
        "(gradient accuracy); updates left out over a number that was not finite."
    )
    return Table("costs", caption, [*columns, "ESNR", "gradient accuracy", "non-finite"], cells)


def lines(table: Table) -> list[str]:
    """For the terminal."""
    return aligned([list(table.columns), *([text(cell) for cell in row] for row in table.rows)], left=(0, 1))


def relative_parameters(task: TaskRow) -> str | None:
    """+3.1%, against the mlp's."""
    excess = _excess(task)
    if excess is None:
        return None
    return f"{MINUS if excess < 0 else '+'}{abs(excess):.1%}"


def disparity(row: Row, mend: str) -> str:
    """A sentence where the dynamics is not as big as the mlp's, with what mends it; empty where it is, or nothing is
    known."""
    found = {name: task for name, task in row.tasks.items() if abs(_excess(task) or 0.0) > PARITY}
    if not found:
        return ""
    told = ", ".join(f"{relative_parameters(task)} on {name}" for name, task in found.items())
    return f"no parity: {row.name} has not the mlp's parameters within {PARITY:.0%} ({told}); {mend}"


def _excess(task: TaskRow) -> float | None:
    if task.parameters is None or not task.baseline_parameters:
        return None
    return task.parameters / task.baseline_parameters - 1


def _there(rows: Sequence[Row], tasks: Sequence[str]) -> list[tuple[str, Row, TaskRow]]:
    return [(task, row, row.tasks[task]) for task in tasks for row in rows if task in row.tasks]


def _thousands(steps: int) -> str:
    return f"{steps // 1000}k"

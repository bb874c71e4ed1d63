"""The page of `wmzoo bench`: curves of the arm and of what stands beside it, a panel a task, and its row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wmzoo import __version__
from wmzoo.reports import page
from wmzoo.reports.canvas import WIDTH, Picture, draw_curve, finish, panels, steps_axis, styled
from wmzoo.reports.folder import write_files
from wmzoo.reports.words import counted
from wmzoo.scoreboard.row import Row
from wmzoo.scoreboard.tables import costs, returns
from wmzoo.statistics.curves import LAST_EVALUATIONS
from wmzoo.statistics.student import FEWEST

COLUMNS = 3  # tasks beside each other


def write_report(rows: Sequence[Row], notes: Sequence[str], out: Path) -> Path:
    """Of the first of the rows, on its tasks, with the others beside it. Gives the page's path."""
    first, *others = rows
    tasks = list(first.tasks)
    picture, made = curves(rows, tasks), [returns(rows, tasks), costs(rows, tasks)]
    beside = f", beside {' and '.join(row.name for row in others)}" if others else ""
    title = f"{first.name} on the standard suite"
    doubts = page.bullets(notes) if notes else page.paragraph("Nothing to add.", soft=True)
    sections = [
        ("top", title, page.paragraph(f"{first.name} on {counted(len(tasks), 'task')}{beside}.")),
        ("curves", "Learning curves", page.figure(picture)),
        ("returns", "Returns", page.table(made[0])),
        ("costs", "Costs and model", page.table(made[1])),
        ("notes", "Before believing it", doubts),
        ("commands", "Commands", page.preformatted([row.command for row in rows])),
        ("method", "How it was computed", page.bullets(METHOD)),
    ]
    return write_files(out, page.page(title, sections), [picture], made)


METHOD = (
    "The rules: the same recipe, tasks, seeds and agent steps for every entry; configs/experiment/standard.yaml.",
    f"A score is the mean of a run's last {LAST_EVALUATIONS} evaluations up to there, interpolated between them.",
    f"Intervals: 95%, Student's t over seeds; none for fewer than {FEWEST}. A mean is of all seeds, or is not shown.",
    "In the time of N steps: after N / r steps, r the seconds of an iteration against the mlp's, the updates of both "
    "(on the processor) and the steps of the environments timed on one machine, in turns. A faster arm's run may be "
    "over by then; its last score counts.",
    f"Made by wmzoo {__version__}.",
)


@styled
def curves(rows: Sequence[Row], tasks: Sequence[str]) -> Picture:
    """A panel a task, a curve a row."""
    columns = min(len(tasks), COLUMNS)
    lines = -(-len(tasks) // columns)
    figure, every = panels(lines, columns, height=2.5 * lines + 0.5, width=WIDTH if columns > 1 else 6.0)
    for number, (axes, task) in enumerate(zip(every, tasks, strict=False)):
        for index, row in enumerate(rows):
            if task in row.tasks:
                curve = row.tasks[task].curve()
                draw_curve(axes, curve, index, f"{row.name} ({counted(curve.runs, 'seed')})")
        axes.set(title=task, xlabel="agent steps", ylabel="" if number % columns else "evaluation return")
        steps_axis(axes)
    for axes in every[len(tasks) :]:
        axes.remove()
    caption = "Evaluation return by agent steps: mean over seeds with its 95% interval."
    return finish(figure, "learning_curves", caption, [row.name for row in rows])

"""The report: report.html, figures/*.png, tables/*.csv."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from wmzoo.compare import figures, horizons, published, tables
from wmzoo.compare.analysis import Comparison, compare
from wmzoo.compare.conclusions import Conclusion, caveats, conclude
from wmzoo.compare.configuration import notes
from wmzoo.compare.method import method
from wmzoo.compare.runs import AGENT_STEPS
from wmzoo.compare.selection import select_runs
from wmzoo.compare.tasks import SECONDS, STEPS, Settings
from wmzoo.reports import page
from wmzoo.reports.canvas import FEWEST_POINTS, Picture
from wmzoo.reports.folder import check_folder, write_files
from wmzoo.reports.table import Table, aligned, text
from wmzoo.reports.words import counted


class Report:
    """The comparison of `runs`, drawn and told. `write` puts it into a folder.

    Args:
        paths: run folders, or folders of them.
        by: config keys that make the arms, or `folder`.
        command: what makes the same report again.
        title: of the page; by default the arms' names.
        baseline: the arm that the others are compared with; by default the first one found.
        beside: draw what others have published on these tasks, too.

    Raises:
        WmzooError: there is nothing to compare; see `selection.select_runs`.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        by: Sequence[str],
        command: str,
        settings: Settings | None = None,
        title: str | None = None,
        baseline: str | None = None,
        beside: bool = False,
    ) -> None:
        runs, self.left_out = select_runs(paths, by, baseline)
        self.comparison = compare(runs, settings or Settings())
        self.command, self.by, self.beside = command, by, beside
        if beside and (missing := published.without(self.comparison.tasks)):
            self.left_out = [*self.left_out, missing]
        self.title = title or " and ".join([", ".join(self.comparison.arms[:-1]), self.comparison.arms[-1]])
        self.conclusions: list[Conclusion] = conclude(self.comparison)
        self.pictures: list[Picture] = []
        self._linked = False
        self.tables: list[Table] = []

    def write(self, out: Path, linked: bool = False) -> Path:
        """Writes the files, in place of a former report's, and gives the page's path.

        linked: the page shows figures/*.png, so that a picture lies there once; else it holds them, and needs no file.

        Raises:
            WmzooError: `out` holds other things than a report.
        """
        check_folder(out)
        self._linked = linked
        html = page.page(self.title, self._sections(), linked)
        return write_files(out, html, self.pictures, self.tables)

    def printed(self) -> list[str]:
        """For a terminal: what was left out, and a line for each difference."""
        made = tables.summary(self.comparison)
        rows = [made.columns, *([text(cell) for cell in row] for row in made.rows)]
        return [
            *self.left_out,
            *aligned(rows, left=(0, 1, 2, *range(made.columns.index("difference"), len(made.columns)))),
        ]

    def _sections(self) -> list[tuple[str, str, str]]:
        comparison = self.comparison
        self.pictures, self.tables = [], []
        return [
            ("top", self.title, self._introduction()),
            ("conclusions", "What it shows", self._words()),
            ("aggregates", "Over all tasks", self._aggregates()),
            ("curves", "Learning curves", self._curves()),
            ("tasks", "By task", self._tables(tables.comparisons, tables.power, tables.scores, tables.speed)),
            ("gradients", "Gradients by horizon", self._diagnostics(horizons.HORIZON)),
            ("over-training", "Gradients over training", self._diagnostics(horizons.ITERATION)),
            ("open-loop", "Open-loop error", self._diagnostics(horizons.STEP)),
            ("diagnostics", "Diagnostics of the arms", self._compared()),
            ("parity", "Parity", self._tables(tables.parities)),
            ("configuration", "Configuration", self._configuration()),
            ("runs", "Runs and commands", self._tables(tables.runs) + self._commands()),
            ("method", "How it was computed", page.bullets(method(comparison) + [published.source()] * self.beside)),
        ]

    def _introduction(self) -> str:
        comparison = self.comparison
        arms = ", ".join(f"{arm} (baseline)" if i == 0 else arm for i, arm in enumerate(comparison.arms))
        runs = [run for task in comparison.tasks for of_arm in task.runs.values() for run in of_arm]
        fewest, most = (
            f(len(of_arm) for task in comparison.tasks for of_arm in task.runs.values()) for f in (min, max)
        )
        seeds = f"{counted(fewest, 'seed')} of each" if fewest == most else f"{fewest} to {most} seeds of each"
        tasks = ", ".join(task.name for task in comparison.tasks)
        words = f"{arms}, by {' and '.join(self.by)}: {counted(len(runs), 'run')}, {seeds}, on {tasks}."
        return page.paragraph(words)

    def _words(self) -> str:
        said = page.bullets([each.text for each in self.conclusions])
        limits = page.bullets([*self.left_out, *notes(self.comparison), *caveats(self.comparison)])
        return f"{said}<h3>Before believing it</h3>{limits}"

    def _aggregates(self) -> str:
        made = [
            figures.aggregates,
            figures.differences,
            figures.improvement,
            figures.profiles,
            figures.aggregate_curves,
        ]
        return "".join([*(self._figure(draw(self.comparison)) for draw in made), self._tables(tables.aggregates)])

    def _curves(self) -> str:
        comparison = self.comparison
        parts = []
        for axis in (STEPS, SECONDS):
            points = [
                (task.name, arm, comparison.learning_curve(axis, arm, task))
                for task in comparison.tasks
                for arm in comparison.arms
            ]
            steps = axis == STEPS and comparison.unit == AGENT_STEPS
            repeats = {task.name: task.action_repeat for task in comparison.tasks} if steps else None
            x = figures.axis_label(comparison, axis)
            made = tables.points(f"learning_curves_{axis}", points, x, "mean return", repeats)
            self.tables.append(made)
            if max(curve.x.size for _, _, curve in points) < FEWEST_POINTS:
                parts.append(page.table(replace(made, caption=f"Evaluation return by {x}, with 95% intervals.")))
                continue
            others = {task.name: published.points(task) for task in comparison.tasks} if self.beside else {}
            parts.append(self._figure(figures.learning_curves(comparison, axis, others if axis == STEPS else None)))
        if self.beside and (beside := published.table(comparison.tasks)).rows:
            self.tables.append(beside)
            parts.append(page.table(beside))
        return "".join(parts)

    def _diagnostics(self, x: str) -> str:
        """Those along `x`: pictures; of few checkpoints, whose curves would have two points, tables."""
        parts = []
        for quantity in (each for each in horizons.QUANTITIES if each.x == x):
            found = horizons.curves(self.comparison, quantity)
            points = [(task, arm, curve) for task, curves in found.items() for arm, curve in curves.items()]
            if not points:
                continue
            made = tables.points(quantity.name, points, x, quantity.label, whole=x == horizons.ITERATION)
            caption = f"{quantity.title}: mean over runs with its 95% interval."
            self.tables.append(made)
            if x != horizons.ITERATION or max(curve.x.size for *_, curve in points) >= FEWEST_POINTS:
                words = (caption + horizons.undrawn(quantity, found), found, x, quantity.label)
                doubling = x == horizons.HORIZON
                picture = figures.task_grid(self.comparison, quantity.name, *words, doubling, quantity.log)
                parts.append(self._figure(picture))
            if x == horizons.ITERATION:
                parts.append(page.table(replace(made, caption=caption)))
        command = f"`wmzoo diagnose RUN{' --checkpoints' * (x == horizons.ITERATION)}` makes them."
        return "".join(parts) or page.paragraph(f"No run has such diagnostics; {command}", soft=True)

    def _compared(self) -> str:
        missing = "The arms have no diagnostics in common."
        return self._tables(tables.gradients) or page.paragraph(missing, soft=True)

    def _configuration(self) -> str:
        return self._tables(tables.configuration) or page.paragraph(
            "The arms' configurations do not differ.", soft=True
        )

    def _commands(self) -> str:
        comparison = self.comparison
        lines = [
            f"# {task.name}, {arm}, seed {run.seed}\n{run.facts.get('command', '(not recorded)')}"
            for task in comparison.tasks
            for arm in comparison.arms
            for run in task.runs[arm]
        ]
        again = page.paragraph("This report:") + page.preformatted([self.command])
        return again + page.preformatted(lines, f"The commands of the {counted(len(lines), 'run')}")

    def _figure(self, picture: Picture) -> str:
        self.pictures.append(picture)
        return page.figure(picture, self._linked)

    def _tables(self, *makers: Callable[[Comparison], Table]) -> str:
        """Those that have rows: of diagnostics, say, that some arms alone have, nothing can be told."""
        made = [table for make in makers if (table := make(self.comparison)).rows]
        self.tables += made
        return "".join(map(page.table, made))

"""The display of a running training: a live table on a terminal, elsewhere a plain line now and then."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from wmzoo.reports.pace import Lines, Pace, duration
from wmzoo.reports.words import number
from wmzoo.storage.rows import plain

LOSSES = ("dynamics", "reward", "policy", "value")
EVALUATIONS = 5  # the last ones, which stay visible


class _Console(Console):
    """Falls silent where its reader has gone (`| head`, or a `| tee` that Ctrl-C ended); the run goes on."""

    def on_broken_pipe(self) -> None:
        self.quiet = True


class Progress:
    """Shows metrics rows, each figure by its column's name and as it is there; a context manager.

    Args:
        total: number of iterations of the whole run.
        start: iterations done before this process began (a resumed run).
        interval: seconds between plain lines where the output is not a terminal; more, later on.
    """

    def __init__(
        self,
        total: int,
        *,
        start: int = 0,
        interval: float = 10.0,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.start, self.console = start, console or _Console()
        self._clock, self._began, self._lines = clock, clock(), Lines(interval, clock)
        self._pace = Pace(total, clock)
        self._before: tuple[str, Pace] | None = None  # what is going on before the first iteration
        self._row: dict[str, Any] = {"iteration": start}
        self._shown_last = True
        self._rewards: float | None = None  # of the last iteration in which episodes ended
        self._evaluations: deque[dict[str, Any]] = deque(maxlen=EVALUATIONS)  # their rows
        self._live: Live | None = None

    def __enter__(self) -> Progress:
        self._began = self._clock()
        if self.console.is_terminal:
            self._live = Live(get_renderable=self._drawn, console=self.console, refresh_per_second=2)
            self._live.start()
        return self

    def recall(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Begins with what was: `rows` are the metrics of a resumed run."""
        for row in rows:
            self._take(row)
        self._pace.begin(self.start)
        if rows and self._live is None:
            self._print()

    def preparing(self, what: str, done: int, total: int) -> None:
        """Shows how far that is what comes before the first iteration."""
        if self._before is None or what != self._before[0]:
            self._before = what, Pace(total, self._clock)
            self._lines.hurry()
        pace = self._before[1]
        pace.at(done)
        self._pace.begin(self.start)  # perhaps: this may have been the last of it
        if self._live is None and self._lines.due():
            self._lines.shown()
            elapsed, left = duration(self._clock() - self._began), duration(pace.left())
            self.message(f"{what} {done:,}/{total:,} | elapsed {elapsed} | left {left}")

    def update(self, row: Mapping[str, Any]) -> None:
        """Takes the metrics row of an iteration that just ended."""
        if self._before is not None:
            self._before = None
            self._lines.hurry()
        self._take(row)
        self._pace.at(int(self._row["iteration"]))
        if self._live is not None:
            return  # it draws itself twice a second
        self._shown_last = False
        if self._lines.due():
            self._print()

    def message(self, text: str) -> None:
        """Prints one line without disturbing the display."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
        elif not self._shown_last:
            self._print()

    def fields(self) -> dict[str, str]:
        """What is shown, by name, as text; `–` for what is not known yet."""
        *earlier, last = self._evaluations or [{}]
        return {
            "iteration": f"{self._row['iteration']}/{self._pace.total}",
            "agent steps": f"{self._row.get('env_steps') or 0:,}",
            "rewards": _number(self._rewards),
            "evaluations": ", ".join([*(number(row["eval_return"]) for row in earlier), _spread(last)]),
            **{f"{name} loss": _number(self._row.get(f"{name}_loss")) for name in LOSSES},
            "fps": _number(self._row.get("fps")),
            "elapsed": duration(self._clock() - self._began),
            "left": duration(self._pace.left()),
        }

    def _take(self, row: Mapping[str, Any]) -> None:
        self._row = {name: plain(value) for name, value in row.items()}
        if self._row.get("rewards") is not None:
            self._rewards = self._row["rewards"]
        if self._row.get("eval_return") is not None:
            self._evaluations.append(self._row)

    def _print(self) -> None:
        self._lines.shown()
        self._shown_last = True
        self.message(" | ".join(f"{name} {text}" for name, text in self.fields().items()))

    def _drawn(self) -> Group:
        """What fits a terminal of 80 columns."""
        fields = self.fields()
        what, pace = self._before or ("iteration", self._pace)
        bar = Table.grid(padding=(0, 1))
        bar.add_row(
            *(what, f"{pace.done:,}/{pace.total:,}", ProgressBar(max(pace.total, 1), pace.done, width=20)),
            *(f"elapsed {fields['elapsed']}", f"left {duration(pace.left())}"),
        )
        figures = Table(box=None, pad_edge=False, header_style="dim")
        for name in ("agent steps", "rewards", *(f"{name} loss" for name in LOSSES), "fps"):
            figures.add_column(name.replace(" loss", "\nloss"), justify="right", no_wrap=True)
        figures.add_row(*(fields[str(column.header).replace("\n", " ")] for column in figures.columns))
        known = "env_steps" in self._row
        return Group(bar, *([figures] if known else []), *([self._evaluated()] if self._evaluations else []))

    def _evaluated(self) -> Table:
        """The last evaluations, and after how many steps they were."""
        counted, label = ("env_steps", "at step") if self._row.get("env_steps") else ("iteration", "after")
        table = Table.grid(padding=(0, 1))
        table.add_column(style="dim")
        for _ in self._evaluations:
            table.add_column(justify="right", no_wrap=True)
        table.add_row(label, *(f"{row[counted]:,}" for row in self._evaluations))
        table.add_row("evaluated", *map(_spread, self._evaluations))
        return table


def _spread(row: Mapping[str, Any]) -> str:
    """An evaluation's mean and standard deviation over episodes."""
    mean, std = (row.get(f"eval_return{part}") for part in ("", "_std"))
    return number(mean) if std is None else f"{number(mean)} ± {number(std)}"


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"

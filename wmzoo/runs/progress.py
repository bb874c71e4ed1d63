"""The display of a running training: a live table on a terminal, elsewhere a plain line every few seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from wmzoo.storage.rows import plain

LOSSES = ("dynamics", "reward", "policy", "value")


class _Console(Console):
    """Falls silent where its reader has gone (`| head`, or a `| tee` that Ctrl-C ended); the run goes on."""

    def on_broken_pipe(self) -> None:
        self.quiet = True


class Progress:
    """Shows metrics rows, each figure by its column's name and as it is there; a context manager.

    Args:
        total: number of iterations of the whole run.
        start: iterations done before this process began (a resumed run).
        interval: seconds between plain lines where the output is not a terminal.
    """

    def __init__(
        self,
        total: int,
        *,
        start: int = 0,
        title: str = "",
        interval: float = 10.0,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.total, self.title, self.interval = total, title, interval
        self.console = console or _Console()
        self._clock = clock
        self._began = self._printed = clock()
        self._row: dict[str, Any] = {"iteration": start}
        self._shown_last = True
        self._first: tuple[int, float] | None = None  # iteration and time of the first row
        self._rewards: float | None = None  # of the last iteration in which episodes ended
        self._evaluation: tuple[float, float | None] | None = None
        self._live: Live | None = None
        self._before = ""  # what is going on before the first iteration

    def __enter__(self) -> Progress:
        self._began = self._clock()
        self._printed = self._began - self.interval  # the first row is shown at once
        if self.console.is_terminal:
            self._live = Live(get_renderable=self._table, console=self.console, refresh_per_second=2)
            self._live.start()
        return self

    def preparing(self, what: str, done: int, total: int) -> None:
        """Shows how far that is what comes before the first iteration."""
        self._before = f"{what} {done:,}/{total:,}"
        if self._live is None and self._clock() - self._printed >= self.interval:
            self._printed = self._clock()
            self.message(f"{self._before} | elapsed {_duration(self._clock() - self._began)}")

    def update(self, row: Mapping[str, Any]) -> None:
        """Takes the metrics row of an iteration that just ended."""
        self._row = {name: plain(value) for name, value in row.items()}
        if self._before:
            self._before, self._printed = "", self._clock() - self.interval  # the first row, too, is shown at once
        self._first = self._first or (int(self._row["iteration"]), self._clock())
        if self._row.get("rewards") is not None:
            self._rewards = self._row["rewards"]
        if self._row.get("eval_return") is not None:
            self._evaluation = (self._row["eval_return"], self._row.get("eval_return_std"))
        if self._live is not None:
            return  # it draws itself twice a second
        self._shown_last = False
        if self._clock() - self._printed >= self.interval:
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
        done, elapsed = int(self._row["iteration"]), self._clock() - self._began
        evaluated = "–"
        if self._evaluation is not None:
            mean, std = self._evaluation
            evaluated = _number(mean) + (f" ± {_number(std)}" if std is not None else "")
        return {
            "iteration": f"{done}/{self.total}",
            "env steps": f"{self._row.get('env_steps') or 0:,}",
            "rewards": _number(self._rewards),
            "evaluation": evaluated,
            **{f"{name} loss": _number(self._row.get(f"{name}_loss")) for name in LOSSES},
            "fps": _number(self._row.get("fps")),
            "elapsed": _duration(elapsed),
            "left": _duration(self._left(done)),
        }

    def _left(self, done: int) -> float | None:
        """Seconds to go at the pace since the first row: what comes before it, a warm-up say, does not count."""
        if done == self.total:
            return 0.0
        if self._first is None or done == self._first[0]:
            return None
        since, began = self._first
        return (self._clock() - began) / (done - since) * (self.total - done)

    def _print(self) -> None:
        self._printed, self._shown_last = self._clock(), True
        self.message(" | ".join(f"{name} {text}" for name, text in self.fields().items()))

    def _table(self) -> Group:
        fields = self.fields()
        bar = Table.grid(padding=(0, 1))
        bar.add_row(
            *(self._before or self.title, ProgressBar(self.total, int(self._row["iteration"]), width=40)),
            *(fields.pop("iteration"), f"elapsed {fields.pop('elapsed')}", f"left {fields.pop('left')}"),
        )
        table = Table(box=None, pad_edge=False, header_style="dim")
        for name in fields:
            table.add_column(name.replace(" loss", "\nloss"), justify="right", no_wrap=True)
        table.add_row(*fields.values())
        return Group(bar, table)


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"

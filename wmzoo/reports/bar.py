"""How far something is that takes seconds or minutes: a bar on a terminal, elsewhere a line now and then; on stderr."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from wmzoo.reports.pace import Lines, Pace, duration


class Bar:
    """A context manager, which leaves no bar behind.

    interval: seconds between lines where stderr is no terminal, and before the first; more, later on.
    """

    def __init__(
        self, interval: float = 5.0, console: Console | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.console = console or Console(stderr=True)
        self._clock, self._pace, self._lines = clock, Pace(0, clock), Lines(interval, clock)
        self._lines.shown()
        columns = (TextColumn("{task.description}"), BarColumn(20), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=self.console, transient=True, disable=not self.console.is_terminal)
        self._task = self._bar.add_task("")

    def at(self, what: str, done: int, total: int) -> None:
        """So many steps are done of something, and `what` says in words what is going on."""
        if total != self._pace.total or done < self._pace.done:  # something else
            self._pace = Pace(total, self._clock)
            self._bar.reset(self._task)
        self._pace.at(done)
        self._bar.update(self._task, description=what, completed=done, total=total)
        if not self.console.is_terminal and self._lines.due():
            self._lines.shown()
            left = self._pace.left()
            about = "" if left is None else f", {duration(left)} left"
            text = f"{what}: {done:,} of {self._pace.total:,}{about}"
            self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def __enter__(self) -> Bar:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

"""How long something will still take, and when it is time to say so."""

from __future__ import annotations

import time
from collections.abc import Callable

RARER = 0.05


class Pace:
    """Of `total` equal steps, at the pace since `begin`, or since the first count that it was told.

    clock: seconds, from anywhere.
    """

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.total, self.done = total, 0
        self._clock = clock
        self._first: tuple[int, float] | None = None
        self._told = 0.0

    def begin(self, done: int) -> None:
        """So many steps are done, and the next one begins now."""
        self._first = None
        self.at(done)

    def at(self, done: int) -> None:
        """So many steps are done now."""
        self.done, self._told = done, self._clock()
        self._first = self._first or (done, self._told)

    def left(self) -> float | None:
        """Seconds to go; None while there is no pace yet."""
        if self._first is None:
            return None
        since, began = self._first
        if self.done == since:
            return 0.0 if self.done == self.total else None
        left = (self._told - began) / (self.done - since) * (self.total - self.done)
        return max(0.0, left - (self._clock() - self._told))


class Lines:
    """Lines about something long: `interval` seconds apart, later on at least a twentieth of the time that has passed,
    so that a day of it has some hundred of them.
    """

    def __init__(self, interval: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.interval, self._clock = interval, clock
        self._began, self._last = clock(), float("-inf")

    def due(self) -> bool:
        """Whether it is time for one."""
        now = self._clock()
        return now - self._last >= max(self.interval, RARER * (now - self._began))

    def shown(self) -> None:
        """One was shown now."""
        self._last = self._clock()

    def hurry(self) -> None:
        """The next one is due at once."""
        self._last = float("-inf")


def duration(seconds: float | None) -> str:
    """`1:02:03`, hours, minutes and seconds; – for what is not known."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"

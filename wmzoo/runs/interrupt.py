"""Ctrl-C as a request: the first one lets the iteration end and be saved, the second one interrupts at once.

SIGTERM, by which clusters announce the end of a job, is the same.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType


@contextmanager
def stop_on_interrupt(say: Callable[[str], None]) -> Iterator[Callable[[], bool]]:
    """Within it SIGINT and SIGTERM are answered with a line to `say`; the function it gives tells whether one came.

    Outside of the main thread, where signals cannot be handled, the answer stays no.
    """
    asked = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        with suppress(Exception):  # the terminal may be gone, or be written to at this very moment
            say("interrupted: saving after this iteration, or now before the first (Ctrl-C again stops at once)")

    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""How far a running training is, and how long many jobs will still take."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from wmzoo.checkpoints.config import CONFIG
from wmzoo.errors import WmzooError
from wmzoo.runs.metrics import read_metrics
from wmzoo.storage.foreign import read_config


class Far(NamedTuple):
    """The share of its iterations that a run has done, above 0 and up to 1, and the seconds that this took."""

    share: float
    seconds: float


def how_far(folder: Path) -> Far | None:
    """None where the run tells nothing yet."""
    try:
        last, cfg = read_metrics(folder)[-1], read_config(folder / CONFIG)
        return Far(last["iteration"] / cfg["trainer"]["iterations"], float(last["wall_clock"]))
    except (WmzooError, LookupError, TypeError, ZeroDivisionError):  # not begun, or begun by something else
        return None


def seconds_left(
    waiting: Iterable[str], running: Sequence[tuple[str, Far | None]], took: Mapping[str, Sequence[float]]
) -> float | None:
    """Of jobs one after the other; None where nothing tells how long one takes.

    Args:
        waiting: the kinds of those that have not begun.
        running: kind of each, and how far it is; one that does not tell counts half.
        took: seconds of those that have ended, by kind.
    """
    found = {kind: list(seconds) for kind, seconds in took.items()}
    for kind, far in running:
        if far is not None:
            found.setdefault(kind, []).append(far.seconds / far.share)
    whole = {kind: statistics.median(seconds) for kind, seconds in found.items()}
    if not whole:
        return None
    other = statistics.mean(whole.values())
    left = sum(whole.get(kind, other) for kind in waiting)
    for kind, far in running:
        left += whole.get(kind, other) / 2 if far is None else far.seconds / far.share - far.seconds
    return left

"""Measuring in turns: everything that is to be compared runs alternately, so that a busy spell falls on all alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Measure = Callable[[], Mapping[str, float]]  # one execution -> seconds by name


@dataclass(frozen=True)
class Figure:
    """Seconds: the median over the turns, with the lowest and the highest."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, seconds: list[float]) -> Figure:
        return cls(*(float(f"{f(seconds):.4g}") for f in (statistics.median, min, max)))


def stopwatch(name: str, call: Callable[[], Any]) -> Measure:
    """Its wall-clock, under `name`."""

    def measured() -> dict[str, float]:
        began = time.perf_counter()
        call()
        return {name: time.perf_counter() - began}

    return measured


def take_turns(measures: Mapping[str, Measure], turns: int, seconds: float) -> dict[str, dict[str, Figure]]:
    """Figures by measure and name. A turn repeats its measure for at least `seconds` and counts as its mean.

    Every measure runs once before, unseen; every other round goes backwards.
    """
    for measure in measures.values():
        measure()
    found: dict[str, dict[str, list[float]]] = {who: {} for who in measures}
    for turn in range(turns):
        for who in measures if turn % 2 == 0 else reversed(list(measures)):
            for name, value in _turn(measures[who], seconds).items():
                found[who].setdefault(name, []).append(value)
    return {who: {name: Figure.of(values) for name, values in own.items()} for who, own in found.items()}


def _turn(measure: Measure, seconds: float) -> dict[str, float]:
    began = time.perf_counter()
    runs: list[Mapping[str, float]] = []
    while not runs or time.perf_counter() - began < seconds:
        runs.append(measure())
    return {name: statistics.fmean(run[name] for run in runs) for name in runs[0]}

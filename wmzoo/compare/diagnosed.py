"""What `wmzoo diagnose` has left in a run: the newest checkpoint's figures, and from older ones those over training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wmzoo.statistics.aggregates import Array
from wmzoo.storage.foreign import read_json

FOLDER, FILE = "diagnostics", "diagnostics.json"
HORIZON = 8  # of the default recipe's rollouts, at which gradient accuracy is followed over training
OVER_TRAINING = "over_training"
ENDS = ("value", "low", "high")

Figures = Mapping[str, Any]


def diagnostics_of(run: Path) -> list[str]:
    """The files that are there, relative to the run's folder: of older checkpoints, in their order, then the newest's.

    Those of single tasks of a multi-task agent are not among them.
    """
    older = (path for path in (run / FOLDER).glob(f"*/{FILE}") if path.parent.name.isdecimal())
    files = [*sorted(older, key=lambda path: int(path.parent.name)), run / FOLDER / FILE]
    return [file.relative_to(run).as_posix() for file in files if file.is_file()]


def read_diagnostics(run: Path) -> dict[str, Any]:
    """The newest checkpoint's, with the accuracy by iteration below OVER_TRAINING if several have it.

    Empty where `wmzoo diagnose` has not been. An older checkpoint that was looked at on other trajectories than the
    newest is left out.
    """
    found = {name: read_json(run / name) for name in diagnostics_of(run)}
    newest = found.get(f"{FOLDER}/{FILE}", {})
    alike = [each for each in found.values() if each.get("along") == newest.get("along")]
    points = [point for each in alike if (point := _accuracy(each))]
    if not newest or len(points) < 2:
        return newest
    iterations, cosines = zip(*points, strict=True)
    ends = {end: [cosine[end] for cosine in cosines] for end in ENDS}
    return {**newest, OVER_TRAINING: {"iteration": list(iterations), "cosine": ends}}


def numbers(figures: Figures, path: Sequence[str]) -> Array | None:
    """The list of numbers that `path` leads to, a null as NaN; None where there is none."""
    node: Any = figures
    for key in path:
        node = node.get(key) if isinstance(node, Mapping) else None
    try:
        return np.array([np.nan if value is None else value for value in node], dtype=np.float64)
    except (TypeError, ValueError):
        return None


def _accuracy(figures: Figures) -> tuple[int, dict[str, float]] | None:
    """A checkpoint's iteration, and the cosine at HORIZON with its ends; None where some of it is not there."""
    iteration, horizons = figures.get("iteration"), numbers(figures, ("horizons",))
    if type(iteration) is not int or horizons is None or HORIZON not in horizons:
        return None
    ends = {end: numbers(figures, ("gradient_accuracy", "cosine", end)) for end in ENDS}
    known = {end: values for end, values in ends.items() if values is not None and values.shape == horizons.shape}
    at = horizons.tolist().index(HORIZON)
    return (iteration, {end: float(values[at]) for end, values in known.items()}) if len(known) == len(ENDS) else None

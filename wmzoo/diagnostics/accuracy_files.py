"""Gradient accuracy for readers: rows of a CSV file, lines for the terminal, a picture's panels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from wmzoo.diagnostics.gradient_accuracy import NAMES
from wmzoo.reports.palette import COLOURS

Figures = Mapping[str, Any]
LABELS = {
    "cosine": "cosine with the simulator's gradient",
    "norm_ratio": "norm, to the simulator's",
    "sign_agreement": "share of equal signs",
}


def rows(horizons: Sequence[int], found: Figures) -> list[dict[str, Any]]:
    """A row per horizon; none where the simulator's gradients could not be had."""
    if "why" in found:
        return []
    columns: dict[str, Sequence[Any]] = {"horizon": horizons, "starts": found["starts"]}
    parts = {"": found}
    if "smooth" in found:  # by differences
        columns["rough"], parts["smooth_"] = found["rough"], found["smooth"]
    for prefix, figures in parts.items():
        for name in NAMES:
            ends = figures[name]
            columns |= {f"{prefix}{name}{'' if end == 'value' else f'_{end}'}": of for end, of in ends.items()}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def lines(horizons: Sequence[int], found: Figures) -> list[str]:
    """The short table for the terminal."""
    if "why" in found:
        return [f"no gradient accuracy: {found['why']}"]
    head = f"{'H':>4} {'cosine':>7} {'95% interval':>16} {'norm ratio':>11} {'signs':>6} {'rough':>6} {'starts':>7}"
    told = [f"the model's gradient by the actions beside the simulator's ({found['method']}):", head]
    for row in rows(horizons, found):
        cosine, ratio, signs, low, high = (_shown(row[name]) for name in (*NAMES, "cosine_low", "cosine_high"))
        told.append(
            f"{row['horizon']:>4} {cosine:>7} {f'[{low}, {high}]':>16} {ratio:>11} {signs:>6} "
            f"{_shown(row.get('rough', math.nan)):>6} {row['starts']:>7}"
        )
    return told


def _shown(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def draw(every: Sequence[Axes], horizons: Sequence[int], found: Figures) -> None:
    """A panel for each of NAMES; dashed, without what is not smooth, where that is known."""
    for axes, name in zip(every, NAMES, strict=True):
        whole = found[name]
        axes.fill_between(horizons, whole["low"], whole["high"], color=COLOURS[0], alpha=0.25, linewidth=0)
        axes.plot(horizons, whole["value"], "o-", color=COLOURS[0], label="all entries")
        if "smooth" in found:
            smooth = found["smooth"][name]
            axes.plot(horizons, smooth["value"], "s--", color=COLOURS[1], markersize=4, label="smooth ones")
        axes.axhline(0.5 if name == "sign_agreement" else float(name == "norm_ratio"), color="grey", linewidth=0.8)
        axes.set(ylabel=LABELS[name])
    every[0].legend(frameon=False)

"""Pictures of learning: the curve of one run, and several variants overlaid with their spread over seeds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from wmzoo.reports.canvas import panels, save, steps_axis, styled
from wmzoo.reports.palette import COLOURS, MARKERS
from wmzoo.runs.metrics import read_metrics
from wmzoo.storage.rows import Row

LABELS = {"env_steps": "agent steps", "iteration": "iterations", "wall_clock": "wall-clock [s]"}
LEVEL_STYLES = ((0, (6, 3)), (0, (1.5, 2)), (0, (6, 2, 1.5, 2)))
MODEL_ERRORS = {
    "latent_error_first": "latent error after one step (1: as predicting no change)",
    "latent_error_last": "latent error after the horizon",
    "reward_r2_last": "R² of the reward at the horizon",
}
PathLike = Path | str


@styled
def plot_learning_curve(metrics: PathLike | Sequence[PathLike], out: PathLike, title: str = "") -> None:
    """Return against agent steps: training episodes as a light line, evaluations as mean ± std over episodes.

    Of runs that step no environment against iterations, and of runs without a policy the errors of the model.

    Args:
        metrics: a metrics.jsonl or run folder, or several, each drawn in its own colour.
        out: the PNG to write.
        title: above the axes.
    """
    paths = [metrics] if isinstance(metrics, (str, Path)) else list(metrics)
    runs = {path: read_metrics(path) for path in paths}
    every = [row for rows in runs.values() for row in rows]
    x = "env_steps" if any(row.get("env_steps") for row in every) else "iteration"
    if all(row.get("rewards") is row.get("eval_return") is None for row in every):
        _plot_model_errors(every, x, title, out)
        return
    figure, axes = _canvas(title, x)
    for number, (path, rows) in enumerate(runs.items()):
        colour, name = COLOURS[number % len(COLOURS)], f"{_name(path)}: " if len(paths) > 1 else ""
        steps, train = _series(rows, x, "rewards")
        if steps.size:
            axes.plot(steps, train, color=colour, alpha=0.35, linewidth=1, label=f"{name}training episodes")
        steps, mean, std = _series(rows, x, "eval_return", "eval_return_std")
        if steps.size:
            label = f"{name}evaluation, mean ± std over episodes"
            marker = MARKERS[number % len(MARKERS)]
            axes.plot(steps, mean, color=colour, marker=marker, markersize=4, linewidth=1.8, label=label)
            axes.fill_between(steps, mean - std, mean + std, color=colour, alpha=0.18, linewidth=0)
    _save(figure, axes, out)


def _plot_model_errors(rows: Sequence[Row], x: str, title: str, out: PathLike) -> None:
    figure, axes = _canvas(title, x, "on episodes that are not learned from")
    for number, (column, label) in enumerate(MODEL_ERRORS.items()):
        steps, values = _series(rows, x, column)
        axes.plot(steps, values, color=COLOURS[number], marker=MARKERS[number], markersize=4, label=label)
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    _save(figure, axes, out)


@styled
def plot_comparison(
    groups: Sequence[tuple[str, Sequence[PathLike]]],
    out: PathLike,
    title: str = "",
    *,
    x: str = "env_steps",
    y: str = "eval_return",
    ylabel: str = "evaluation return",
    levels: Mapping[str, float] = MappingProxyType({}),
) -> None:
    """Overlays variants: the mean over each one's seeds as a line, their minimum to maximum as a band.

    Seeds are interpolated linearly onto the union of their evaluation points within the range they share.

    Args:
        groups: (label, the metrics.jsonl or run folders of its seeds).
        out: the PNG to write.
        x: `env_steps`, `iteration` of runs that step no environment, or `wall_clock` for a comparison at equal seconds.
        y: the column to draw.
        levels: horizontal lines to hold the curves against, by their labels.
    """
    figure, axes = _canvas(title, x, ylabel)
    for number, (label, paths) in enumerate(groups):
        grid, values = _aligned([_series(read_metrics(path), x, y) for path in paths])
        if not grid.size:
            continue
        colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
        seeds = f"{len(paths)} seed{'s' if len(paths) > 1 else ''}"
        spread = ", mean and range" if len(paths) > 1 else ""
        every = max(1, grid.size // 15)
        axes.plot(
            grid,
            values.mean(axis=0),
            color=colour,
            marker=marker,
            markevery=every,
            markersize=4,
            linewidth=1.8,
            label=f"{label} ({seeds}{spread})",
        )
        low, high = values.min(axis=0), values.max(axis=0)
        axes.fill_between(grid, low, high, color=colour, alpha=0.18, linewidth=0)
    for number, (label, level) in enumerate(levels.items()):
        style = LEVEL_STYLES[number % len(LEVEL_STYLES)]
        axes.axhline(level, color="0.35", linewidth=1.4, linestyle=style, label=f"{label} ({level:.0f})")
    _save(figure, axes, out)


def _series(rows: Iterable[Row], *columns: str) -> tuple[NDArray[np.float64], ...]:
    """The columns as float64 arrays, of the rows where the first two are there (a missing third is 0)."""
    kept = [row for row in rows if row.get(columns[0]) is not None and row.get(columns[1]) is not None]
    return tuple(np.array([row.get(name) or 0.0 for row in kept], dtype=np.float64) for name in columns)


def _aligned(curves: Sequence[tuple[Any, ...]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Grid [P] and values [seeds, P]; empty if a seed has no point."""
    if not curves or any(steps.size == 0 for steps, _ in curves):
        return np.empty(0), np.empty((0, 0))
    first, last = max(steps[0] for steps, _ in curves), min(steps[-1] for steps, _ in curves)
    grid = np.unique(np.concatenate([steps for steps, _ in curves]))
    grid = grid[(grid >= first) & (grid <= last)]
    return grid, np.stack([np.interp(grid, steps, values) for steps, values in curves])


def _canvas(title: str, x: str, ylabel: str = "return") -> tuple[Figure, Axes]:
    figure, (axes,) = panels(1, 1, 4.4, width=7.2)
    axes.set(xlabel=LABELS.get(x, x), ylabel=ylabel, title=title)
    return figure, axes


def _save(figure: Figure, axes: Axes, out: PathLike) -> None:
    steps_axis(axes)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=8, loc="best")
    save(figure, Path(out))


def _name(path: PathLike) -> str:
    path = Path(path)
    return path.parent.name if path.name == "metrics.jsonl" else path.stem if path.suffix else path.name

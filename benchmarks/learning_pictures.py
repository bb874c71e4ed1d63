"""The pictures of a learning study: a picture of curves for each task, or bars where there are too many arms."""

from __future__ import annotations

import statistics
from pathlib import Path

from learning_table import Results, evaluations, last_returns

from wmzoo.reports.canvas import panels, save
from wmzoo.reports.palette import COLOURS
from wmzoo.runs.learning_curve import plot_comparison
from wmzoo.runs.metrics import read_metrics

MANY = 6  # arms that one picture of curves can hold


def draw(results: Results, title: str) -> None:
    """<task>.png, or curves.png of a study with one task; none of a study of the model, which has no curve."""
    runs = list(results.runs())
    for task in results.tasks:
        arms = [(arm, files) for of, arm, files in runs if of == task]
        if not any(len(evaluations(read_metrics(file))) > 1 for _, files in arms for file in files):
            continue
        several = len(results.tasks) > 1
        about = f"{title}: {task}" if several else title
        if len(arms) > MANY:
            name = f"{task}_last_evaluations" if several else "last_evaluations"
            _bars({arm: files[0] for arm, files in arms}, results.folder / f"{name}.png", about)
        else:
            plot_comparison(arms, results.folder / f"{task if several else 'curves'}.png", about)


def _bars(arms: dict[str, Path], out: Path, title: str) -> None:
    """A bar per arm, of its first seed: the mean of the last evaluations, these as dots."""
    last = [last_returns(file) for file in arms.values()]
    figure, (axes,) = panels(1, 1, 0.6 + 0.34 * len(arms), width=8)
    axes.grid(False, axis="y")
    axes.barh(list(arms), [statistics.fmean(values) for values in last], color=COLOURS[0], alpha=0.4)
    for row, values in enumerate(last):
        axes.plot(values, [row] * len(values), "o", color=COLOURS[0], markersize=4)
    axes.invert_yaxis()
    axes.set(xlabel="return: the last three evaluations and their mean", title=title)
    save(figure, out)

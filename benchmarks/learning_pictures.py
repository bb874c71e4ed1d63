"""The pictures of a learning study: a picture of curves for each task, or bars where there are too many arms."""

from __future__ import annotations

import statistics
import textwrap
from collections.abc import Sequence
from pathlib import Path

from learning_from_data import acts, agent_return, data_return, is_from_data
from learning_table import Results, evaluations, last_returns

from wmzoo.reports.canvas import panels, save
from wmzoo.reports.palette import COLOURS
from wmzoo.runs.learning_curve import plot_comparison
from wmzoo.runs.metrics import read_metrics

MANY = 6  # arms that one picture of curves can hold
WIDTH = 70  # letters of a line of the title


def draw(results: Results, title: str) -> None:
    """<task>.png, or curves.png of a study with one task; none of a study of the model, which has no curve. That of a
    task whose runs are all left out is removed."""
    runs, from_data = list(results.runs()), is_from_data(results)
    for task in results.tasks:
        arms = [(arm, files) for of, arm, files in runs if of == task and not (from_data and acts(files[0]))]
        if not any(len(evaluations(read_metrics(file))) > 1 for _, files in arms for file in files):
            if not arms:
                (results.folder / f"{task}.png").unlink(missing_ok=True)
            continue
        several = len(results.tasks) > 1
        about = textwrap.fill(f"{title}: {task}" if several else title, WIDTH)
        if len(arms) > MANY:
            name = f"{task}_last_evaluations" if several else "last_evaluations"
            _bars(dict(arms), results.folder / f"{name}.png", about)
        else:
            out, x = results.folder / f"{task if several else 'curves'}.png", "iteration" if from_data else "env_steps"
            levels = _levels(results, task, arms) if from_data else {}
            plot_comparison(arms, out, about, x=x, levels=levels)


def _levels(results: Results, task: str, arms: Sequence[tuple[str, list[Path]]]) -> dict[str, float]:
    """What the policies are measured by: the agent in the end, and the mean of the data, where all have the same."""
    means = {data_return(results, files[0]) for _, files in arms}
    levels = {
        "agent, in the end": agent_return(results, task),
        "mean of the data": means.pop() if len(means) == 1 else None,
    }
    return {name: value for name, value in levels.items() if value is not None}


def _bars(arms: dict[str, list[Path]], out: Path, title: str) -> None:
    """A bar per arm, the mean over its seeds of the last evaluations' means, these as dots; of a single seed the
    evaluations themselves are."""
    means = {arm: [statistics.fmean(last_returns(file)) for file in files] for arm, files in arms.items()}
    single = all(len(files) == 1 for files in arms.values())
    dots = {arm: last_returns(files[0]) if single else means[arm] for arm, files in arms.items()}
    figure, (axes,) = panels(1, 1, 0.9 + 0.34 * len(arms), width=8)
    axes.grid(False, axis="y")
    axes.barh(list(arms), [statistics.fmean(values) for values in means.values()], color=COLOURS[0], alpha=0.4)
    for row, values in enumerate(dots.values()):
        axes.plot(values, [row] * len(values), "o", color=COLOURS[0], markersize=4, alpha=0.7)
    axes.invert_yaxis()
    shown = "the last three evaluations and their mean" if single else "a seed's last three evaluations, and their mean"
    axes.set(xlabel=f"return: {shown}", title=title)
    save(figure, out)

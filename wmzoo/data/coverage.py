"""What data cover, as a picture: of every task the returns of its episodes in order, and where its observations lie."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from wmzoo.data.inspect import Summary
from wmzoo.reports.canvas import Picture, finish, panels, plain_numbers, styled
from wmzoo.reports.palette import COLOURS

HEIGHT = 1.9  # inches of a task
PARTS, LEAST = 20, 10  # of the episodes, whose means are drawn, and episodes in one
CAPTION = (
    "Left: return of each episode in order, and means over parts of them. Right: where the values of each observation "
    "lie, 90% of them (bars) and all (lines)."
)


@styled
def coverage(tasks: Sequence[Summary]) -> Picture:
    """A row per task."""
    figure, found = panels(len(tasks), 2, 0.3 + HEIGHT * len(tasks))
    for task, left, right in zip(tasks, found[::2], found[1::2], strict=True):
        _returns(left, task)
        _observations(right, task)
    found[-2].set_xlabel("episode")
    found[-1].set_xlabel("observation")
    return finish(figure, "coverage", CAPTION)


def _returns(axes: Axes, task: Summary) -> None:
    returns = np.array(task.returns)
    axes.plot(np.arange(1, len(returns) + 1), returns, ".", color=COLOURS[0], markersize=3, alpha=0.6)
    if (count := min(PARTS, len(returns) // LEAST)) > 1:
        parts = np.array_split(np.arange(len(returns)), count)
        axes.plot([part.mean() + 1 for part in parts], [returns[part].mean() for part in parts], color="0.2")
    axes.set(title=task.name, ylabel="return")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _observations(axes: Axes, task: Summary) -> None:
    rows = task.seen.rows()
    if not len(rows):
        return
    places = np.arange(rows.shape[1])
    low, high = np.percentile(rows, [5, 95], axis=0)
    axes.vlines(places, rows.min(0), rows.max(0), color="0.6", linewidth=1)
    axes.bar(places, high - low, bottom=low, width=0.6, color=COLOURS[0], alpha=0.8)
    largest = max(1e-6, float(np.abs(rows).max()))
    axes.set_yscale("symlog", linthresh=10 ** math.floor(math.log10(largest)), linscale=2)  # so that all can be seen
    plain_numbers(axes.yaxis)
    axes.set(title=f"{task.name}: {len(places)} observations", ylabel="value")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))

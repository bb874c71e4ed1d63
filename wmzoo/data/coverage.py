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
from wmzoo.statistics.aggregates import Array

HEIGHT = 1.9  # inches of a task
DECADES = 4  # of the logarithmic part of an axis at most; an observation that is smaller still lies on its zero
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


def _straight_up_to(largest: Array) -> float:
    """A power of ten: of the smallest observation, so that all can be seen, and DECADES below the largest at least.

    largest: absolute value of each observation [O].
    """
    least = max(1e-6, float(largest.max()) / 10**DECADES)
    seen = largest[largest > least]
    return float(10 ** math.floor(math.log10(max(least, float(seen.min()) if seen.size else least))))


def _observations(axes: Axes, task: Summary) -> None:
    rows = task.seen.rows()
    if not len(rows):
        return
    places = np.arange(rows.shape[1])
    low, high = np.percentile(rows, [5, 95], axis=0)
    axes.vlines(places, rows.min(0), rows.max(0), color="0.6", linewidth=1)
    axes.bar(places, high - low, bottom=low, width=0.6, color=COLOURS[0], alpha=0.8)
    axes.set_yscale("symlog", linthresh=_straight_up_to(np.abs(rows).max(0)), linscale=1)
    plain_numbers(axes.yaxis)
    axes.set(title=f"{task.name}: {len(places)} observations", ylabel="value")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))

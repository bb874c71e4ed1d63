"""The report's figures, each from a comparison."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter, MaxNLocator

from wmzoo.compare.analysis import AGGREGATES, Comparison
from wmzoo.compare.conclusions import AXIS_WORDS
from wmzoo.compare.published import Points
from wmzoo.compare.runs import AGENT_STEPS
from wmzoo.compare.tasks import CPU, PACE, SECONDS, STEPS, WALL
from wmzoo.reports.canvas import (
    WIDTH,
    Picture,
    draw_curve,
    draw_interval,
    draw_points,
    finish,
    panels,
    plain_numbers,
    styled,
)
from wmzoo.reports.words import MINUS, counted
from wmzoo.statistics.bootstrap import Estimate
from wmzoo.statistics.curves import Curve

SECONDS_OF = {WALL: "seconds", CPU: "processor seconds", PACE: "seconds (modelled: at undisturbed pace)"}
COLUMNS = 3  # tasks beside each other
PROFILE_POINTS = 101
Curves = Mapping[str, Mapping[str, Curve]]  # by task and arm
Beside = Mapping[str, Sequence[Points]]  # by task


def axis_label(comparison: Comparison, axis: str) -> str:
    """Whose steps or seconds: seconds may be modelled."""
    return comparison.unit if axis == STEPS else SECONDS_OF[comparison.settings.clock]


def learning_curves(comparison: Comparison, axis: str, beside: Beside | None = None) -> Picture:
    """Mean evaluation return, a panel per task; beside: points of others."""
    found = {
        task.name: {arm: comparison.learning_curve(axis, arm, task) for arm in comparison.arms}
        for task in comparison.tasks
    }
    caption = f"Evaluation return by {axis_label(comparison, axis)}: mean over seeds with its 95% interval."
    repeats = [task.action_repeat or 1 for task in comparison.tasks] if axis == STEPS else []
    if beside:
        caption += " Hollow: what others have published."
    name, words = f"learning_curves_{axis}", (axis_label(comparison, axis), "evaluation return")
    return task_grid(comparison, name, caption, found, *words, repeats=repeats, beside=beside or {})


@styled
def task_grid(
    comparison: Comparison,
    name: str,
    caption: str,
    found: Curves,
    xlabel: str,
    ylabel: str,
    doubling: bool = False,
    log: bool = False,
    repeats: Sequence[int] = (),
    beside: Beside = MappingProxyType({}),
) -> Picture:
    """A panel per task, a curve per arm.

    Args:
        doubling: x is 1, 2, 4, …
        log: y is logarithmic.
        repeats: of each task, where x are agent steps: environment steps are shown above where these are others.
        beside: points of others, by task.
    """
    others = list(dict.fromkeys(points.method for of_task in beside.values() for points in of_task))
    columns = min(len(found), COLUMNS)
    rows = -(-len(found) // columns)
    height = (2.9 if max(repeats, default=1) > 1 else 2.5) * rows + 0.5
    figure, every = panels(rows, columns, height=height, width=WIDTH if columns > 1 else 6.0)
    for number, (axes, (task, curves)) in enumerate(zip(every, found.items(), strict=False)):
        for arm, curve in curves.items():
            draw_curve(axes, curve, comparison.arms.index(arm), f"{arm} ({counted(curve.runs, 'seed')})")
        for points in beside.get(task, ()):
            index = len(comparison.arms) + others.index(points.method)
            draw_points(axes, points.steps, points.returns, index, f"{points.method} (published)")
        axes.set(title=task, xlabel=xlabel, ylabel="" if number % columns else ylabel)
        _ticks(axes, xlabel, doubling)
        if repeats and repeats[number] > 1:
            _environment_steps(axes, repeats[number])
        if log:
            axes.set_yscale("log", nonpositive="mask")
            plain_numbers(axes.yaxis)
    for axes in every[len(found) :]:
        axes.remove()
    return finish(figure, name, caption, [*comparison.arms, *others])


@styled
def aggregates(comparison: Comparison) -> Picture:
    """IQM, median and mean of normalised scores: filled at equal steps, hollow at equal seconds."""
    arms = comparison.arms
    figure, every = panels(1, len(AGGREGATES), height=0.42 * len(arms) + 1.2, sharey=True)
    for axes, name in zip(every, AGGREGATES, strict=True):
        for i, arm in enumerate(arms):
            for j, axis in enumerate(comparison.axes):
                at = i + 0.32 * (j - (len(comparison.axes) - 1) / 2)
                draw_interval(axes, comparison.aggregate(name, axis, arm), at, i, hollow=axis == SECONDS)
        axes.set(title=name, xlabel="normalised score", yticks=range(len(arms)), yticklabels=arms)
        axes.set_ylim(len(arms) - 0.5, -0.5)
    shown = " and ".join(f"{'hollow' if axis == SECONDS else 'filled'} {AXIS_WORDS[axis]}" for axis in comparison.axes)
    over = counted(len(comparison.tasks), "task")
    caption = f"Aggregates over {over}, with 95% stratified bootstrap intervals: {shown}."
    return finish(figure, "aggregates", caption)


def differences(comparison: Comparison) -> Picture:
    """Each arm less the baseline, of normalised scores, by task and over all."""

    def row(axis: str, arm: str) -> list[Estimate]:
        found = []
        for task in comparison.tasks:
            width, raw = task.high - task.low or 1.0, comparison.task_difference(axis, arm, task)
            found.append(Estimate(raw.value / width, raw.low / width, raw.high / width))
        return [*found, comparison.aggregate_difference("IQM", axis, arm)]

    baseline = comparison.arms[0]
    caption = (
        f"Difference of normalised scores to {baseline}: means by task, the IQM over all, with 95% intervals."
        " Where one covers the dashed line, no difference is shown."
    )
    return _forest(comparison, "differences", caption, f"arm {MINUS} {baseline}", row, 0.0, "all (IQM)")


def improvement(comparison: Comparison) -> Picture:
    """The probability that a run of an arm beats one of the baseline, by task and over all."""

    def row(axis: str, arm: str) -> list[Estimate]:
        by_task = [comparison.task_improvement(axis, arm, task) for task in comparison.tasks]
        return [*by_task, comparison.improvement(axis, arm)]

    baseline = comparison.arms[0]
    caption = f"Probability of improvement: that a run of the arm has a higher score than one of {baseline}."
    return _forest(comparison, "improvement", caption, f"P(arm > {baseline})", row, 0.5, "all (mean)")


@styled
def profiles(comparison: Comparison) -> Picture:
    """Performance profiles, a panel per axis."""
    scores = np.concatenate(
        [s for axis in comparison.axes for a in comparison.arms for s in comparison.scores(axis, a)]
    )
    thresholds = np.linspace(min(0.0, scores.min()), max(1.0, scores.max()), PROFILE_POINTS)
    figure, every = panels(1, len(comparison.axes), height=3.2, sharey=True)
    for axes, axis in zip(every, comparison.axes, strict=True):
        for i, arm in enumerate(comparison.arms):
            draw_curve(axes, comparison.profile(axis, arm, thresholds), i, arm)
        axes.set(title=AXIS_WORDS[axis], xlabel="normalised score τ", ylim=(-0.03, 1.03))
    every[0].set_ylabel("fraction of runs above τ")
    caption = "Performance profiles: the fraction of runs with a score above τ, with 95% intervals."
    return finish(figure, "profiles", caption, comparison.arms)


@styled
def aggregate_curves(comparison: Comparison) -> Picture:
    """IQM over runs and tasks by steps and by seconds."""
    figure, every = panels(1, len(comparison.axes), height=3.2, sharey=True)
    for axes, axis in zip(every, comparison.axes, strict=True):
        for i, arm in enumerate(comparison.arms):
            draw_curve(axes, comparison.aggregate_curve(axis, arm), i, arm)
        axes.set(xlabel=axis_label(comparison, axis))
        _ticks(axes, axis_label(comparison, axis))
    every[0].set_ylabel("IQM of normalised returns")
    caption = "IQM of normalised evaluation returns over all runs and tasks, with 95% intervals."
    return finish(figure, "aggregate_curves", caption, comparison.arms)


@styled
def _forest(
    comparison: Comparison,
    name: str,
    caption: str,
    xlabel: str,
    row: Callable[[str, str], list[Estimate]],
    line: float,
    last: str,
) -> Picture:
    """Rows of intervals, a panel per axis. row(axis, arm) -> one per task, and one over all tasks."""
    labels = [task.name for task in comparison.tasks] + ([last] if len(comparison.tasks) > 1 else [])
    others = comparison.arms[1:]
    height = 0.3 * len(labels) * max(1, 0.6 * len(others)) + 1.2
    figure, every = panels(1, len(comparison.axes), height=height, sharey=True)
    for axes, axis in zip(every, comparison.axes, strict=True):
        axes.axvline(line, color="0.35", linewidth=1, linestyle=(0, (4, 3)))
        for j, arm in enumerate(others):
            for i, estimate in enumerate(row(axis, arm)[: len(labels)]):
                at = i + 0.7 * ((j + 0.5) / len(others) - 0.5)
                draw_interval(axes, estimate, at, j + 1, label=arm if i == 0 else None)
        axes.set(title=AXIS_WORDS[axis], xlabel=xlabel, yticks=range(len(labels)), yticklabels=labels)
        axes.set_ylim(len(labels) - 0.4, -0.6)
        if line:
            axes.set_xlim(0, 1)
    return finish(figure, name, caption, comparison.arms)


def _times(factor: float) -> Callable[[Any], Any]:
    return lambda steps: np.asarray(steps) * factor


def _environment_steps(axes: Axes, repeat: int) -> None:
    above = axes.secondary_xaxis("top", functions=(_times(repeat), _times(1 / repeat)))
    above.set_xlabel("environment steps")
    above.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    above.xaxis.set_major_formatter(EngFormatter(sep=""))


def _ticks(axes: Axes, xlabel: str, doubling: bool = False) -> None:
    if doubling:
        axes.set_xscale("log", base=2)
        plain_numbers(axes.xaxis)
        return
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    if xlabel == AGENT_STEPS:
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))

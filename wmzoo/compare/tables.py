"""The report's tables: one set of rows for the page and for the CSV files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby, product

import numpy as np

from wmzoo.compare import horizons
from wmzoo.compare.analysis import AGGREGATES, EFFECT, OF_A_TASK, Comparison
from wmzoo.compare.conclusions import AXIS_WORDS, not_worse, verdict
from wmzoo.compare.configuration import COST, PARTS, differences, parity
from wmzoo.compare.runs import AGENT_STEPS
from wmzoo.compare.tasks import SECONDS, STEPS, Task
from wmzoo.reports.table import Cell, Table
from wmzoo.reports.words import MINUS, NONE, counted, number
from wmzoo.statistics.bootstrap import Estimate
from wmzoo.statistics.curves import Curve


def aggregates(comparison: Comparison) -> Table:
    rows: list[list[Cell]] = [
        [AXIS_WORDS[axis], arm, comparison.seeds[arm], *(comparison.aggregate(name, axis, arm) for name in AGGREGATES)]
        for axis in comparison.axes
        for arm in comparison.arms
    ]
    caption = f"Normalised scores over {counted(len(comparison.tasks), 'task')}, with 95% intervals."
    return Table("aggregates", caption, ["compared", "arm", "seeds", *AGGREGATES], rows)


def comparisons(comparison: Comparison) -> Table:
    """Every arm against the baseline, by task."""
    baseline = comparison.arms[0]
    rows: list[list[Cell]] = [
        [
            *(task.name, arm, AXIS_WORDS[axis], comparison.task_difference(axis, arm, task)),
            *comparison.p_values(axis, arm)[task.name],
            *(comparison.task_improvement(axis, arm, task), verdict(comparison, axis, arm, task)[0]),
            *_not_worse(comparison, axis, arm, task),
        ]
        for task, arm, axis in product(comparison.tasks, comparison.arms[1:], comparison.axes)
    ]
    caption = (
        f"Mean returns and probability of improvement against {baseline}, with 95% intervals; p of Welch's test,"
        " corrected for the number of tasks (Holm)."
    )
    columns = ["task", "arm", "compared", f"arm {MINUS} {baseline}", "p", "corrected", f"P(arm > {baseline})"]
    return Table("differences", caption, [*columns, "difference", *_margin(comparison)], rows)


def _margin(comparison: Comparison) -> list[str]:
    """The column of those that are not worse, where there is a margin."""
    margin = comparison.settings.margin
    return [] if margin is None else [f"not worse by {margin}{' of the range' * margin.share}"]


def _not_worse(comparison: Comparison, axis: str, arm: str, task: Task | None) -> list[Cell]:
    words = {True: "not worse", False: "not shown", None: NONE}[not_worse(comparison, axis, arm, task)[1]]
    return [words for _ in _margin(comparison)]


def summary(comparison: Comparison) -> Table:
    """For a terminal: what is compared, what came out, and what the seeds could have shown."""
    rows: list[list[Cell]] = []
    scopes = [*([None] if len(comparison.tasks) > 1 else []), *comparison.tasks]
    for task, arm, axis in product(scopes, comparison.arms[1:], comparison.axes):
        found = comparison.power(axis, arm, task)
        if task is None:
            difference, p = comparison.aggregate_difference("IQM", axis, arm), None
        else:
            difference, p = comparison.task_difference(axis, arm, task), comparison.p_values(axis, arm)[task.name][-1]
        name = task.name if task else "all (normalised: IQM; could show: mean)"
        words = verdict(comparison, axis, arm, task)[0]
        beside = _not_worse(comparison, axis, arm, task)
        rows.append([name, arm, AXIS_WORDS[axis], difference, p, found.shown, found.seeds, words, *beside])
    columns = ["task", "arm", "compared", f"{MINUS} {comparison.arms[0]}", "p corrected", "could show"]
    return Table("summary", "", [*columns, f"seeds for {EFFECT:.0%}", "difference", *_margin(comparison)], rows)


def power(comparison: Comparison) -> Table:
    """What the seeds could have shown, by task and over all of them."""
    rows: list[list[Cell]] = []
    scopes = [*comparison.tasks, *([None] if len(comparison.tasks) > 1 else [])]
    for task, arm, axis in product(scopes, comparison.arms[1:], comparison.axes):
        found = comparison.power(axis, arm, task)
        share = f"{found.shown / abs(found.mean):.0%}" if found.mean and found.shown == found.shown else None
        name = task.name if task else "all, mean of normalised scores"
        rows.append([name, arm, AXIS_WORDS[axis], found.shown, share, found.seeds])
    baseline = comparison.arms[0]
    caption = (
        "The smallest true difference that these seeds show with a chance of 80% (two-sided Welch's test at 5%, on"
        " tasks at 5% divided by their number, as Holm's correction asks of the smallest p), also as a share of"
        f" {baseline}'s mean; and how many of each would show {EFFECT:.0%} of it."
    )
    columns = ["task", "arm", "compared", "shown", f"of {baseline}'s mean", f"seeds for {EFFECT:.0%}"]
    return Table("power", caption, columns, rows)


def scores(comparison: Comparison) -> Table:
    rows: list[list[Cell]] = []
    for task in comparison.tasks:
        for axis in comparison.axes:
            end = f"{number(task.end[axis])} s"
            if axis == STEPS:
                end = steps_in_words(task.end[axis], task.action_repeat, comparison.unit)
            for arm in comparison.arms:
                found = [comparison.task_score(name, axis, arm, task) for name in OF_A_TASK]
                rows.append([task.name, end, arm, len(task.runs[arm]), *found, comparison.area(axis, arm, task)])
    columns = ["task", "at", "arm", "seeds", "mean return", "median", "IQM", "area under the curve"]
    return Table("scores", "Returns at equal steps and at equal seconds, with 95% intervals.", columns, rows)


def steps_in_words(steps: float, action_repeat: int | None, unit: str = AGENT_STEPS) -> str:
    """So many, and beside agent steps the environment's where these are others and known."""
    known = action_repeat is not None and action_repeat > 1
    beside = f" ({number(steps * (action_repeat or 1))} environment steps)" if known else ""
    return f"{number(steps)} {unit}{beside}"


def gradients(comparison: Comparison) -> Table:
    """What the diagnostics say of the arms, over all tasks: at all horizons and checkpoints, and three steps."""
    rows: list[list[Cell]] = []
    for quantity in horizons.QUANTITIES:
        for arm, group in groupby(horizons.differences(comparison, quantity), key=lambda each: each.arm):
            found = list(group)
            if quantity.x == horizons.STEP:
                found = [found[i] for i in sorted({0, len(found) // 2, len(found) - 1})]
            for each in found:
                verdict = "not shown"
                if each.probability.excludes(0.5):
                    verdict = f"{'higher' if float(each.probability.value) > 0.5 else 'lower'} for {arm}"
                name = f"{quantity.title} ({quantity.label})"
                rows.append([name, arm, f"{quantity.x} {int(each.at)}", each.tasks, each.probability, verdict])
    baseline = comparison.arms[0]
    caption = (
        f"Probability that a run's figure is above that of a run of {baseline} on the same task, averaged over the"
        " tasks that have it, with 95% intervals; of the steps predicted the first, the middle and the last. None is"
        " corrected for the number of rows."
    )
    columns = ["quantity", "arm", "at", "tasks", f"P(arm > {baseline})", "difference"]
    return Table("diagnostics", caption, columns, rows)


def speed(comparison: Comparison) -> Table:
    rows: list[list[Cell]] = []
    for task in comparison.tasks:
        for arm in comparison.arms:
            runs = task.runs[arm]
            known = task.threshold == task.threshold
            reached = [comparison.reach(axis, arm, task) if known else None for axis in (STEPS, SECONDS)]
            seconds = sum(run.seconds[-1] for run in runs) / len(runs)
            fps = sum(run.fps for run in runs) / len(runs)
            rows.append([task.name, arm, task.threshold, *reached, fps, seconds, sum(run.nonfinite for run in runs)])
    caption = (
        f"Time to {comparison.settings.threshold:.0%} of the best arm's mean return (median over runs), speed, and"
        " updates skipped because of a number that was not finite (sum over runs)."
    )
    columns = [
        "task",
        "arm",
        "threshold",
        "steps to it",
        "seconds to it",
        "agent steps/s",
        "seconds",
        "non-finite",
    ]
    return Table("speed", caption, columns, rows)


def parities(comparison: Comparison) -> Table:
    found = parity(comparison)
    keys = [key for key in (*PARTS, *COST) if any(row.values[key] == row.values[key] for row in found)]
    names = [COST.get(key, key.replace("_", " ")) for key in keys]
    rows: list[list[Cell]] = []
    for row in found:
        cells = [_count(row.values[key]) + _relative(row.relative[key]) for key in keys]
        rows.append([row.task, row.arm, *cells])
    caption = (
        "Parameters of each part, network evaluations per latent step (NFE) and speed; in brackets, relative to"
        f" {comparison.arms[0]}."
    )
    return Table("parity", caption, ["task", "arm", *names], rows)


def _count(value: float) -> str:
    """A count without decimals."""
    return number(int(value) if value.is_integer() else value)


def _relative(share: float) -> str:
    if share != share or abs(share) < 5e-5:
        return ""
    return f" ({'+' if share > 0 else MINUS}{abs(share):.{1 if abs(share) >= 0.005 else 2}%})"


def configuration(comparison: Comparison) -> Table:
    rows = [[each.key, *(" or ".join(each.values[arm]) for arm in comparison.arms)] for each in differences(comparison)]
    return Table("configuration", "Every key in which the arms differ.", ["key", *comparison.arms], rows)


def runs(comparison: Comparison) -> Table:
    reused = any(run.trained_as for task in comparison.tasks for of_arm in task.runs.values() for run in of_arm)
    acts = comparison.unit == AGENT_STEPS
    rows: list[list[Cell]] = [
        [task.name, arm, run.seed, float(run.steps[-1]), *([float(run.steps[-1] * run.action_repeat)] if acts else []),
         float(run.seconds[-1]), *(float(comparison.returns(axis, arm, task)[i]) for axis in comparison.axes),
         run.nonfinite, run.folder.as_posix(), *([run.trained_as or ""] if reused else [])]
        for task in comparison.tasks for arm in comparison.arms for i, run in enumerate(task.runs[arm])
    ]  # fmt: skip
    columns = [
        "task",
        "arm",
        "seed",
        comparison.unit,
        *(["environment steps"] if acts else []),
        "seconds",
        *(f"return {AXIS_WORDS[a]}" for a in comparison.axes),
        "non-finite",
        "folder",
        *(["trained as"] if reused else []),
    ]
    also = " Where one was trained as another run, of another study say, that one's folder stands beside." * reused
    return Table("runs", f"The runs, and where they lie.{also}", columns, rows)


def points(
    name: str,
    of: Sequence[tuple[str, str, Curve]],
    x: str,
    y: str,
    repeats: Mapping[str, int | None] | None = None,
    whole: bool = False,
) -> Table:
    """The points of curves.

    Args:
        of: task, arm and curve.
        repeats: the action repeat of each task, where x are agent steps: environment steps then stand beside.
        whole: x are counts, as iterations.
    """
    rows: list[list[Cell]] = []
    for task, arm, curve in of:
        for i, at in enumerate(curve.x):
            ends = [np.asarray(getattr(curve.y, part)[i]) for part in ("value", "low", "high")]
            repeat = (repeats or {}).get(task)
            beside: list[Cell] = [] if repeats is None else [float(at) * repeat if repeat else None]
            rows.append([task, arm, curve.runs, int(at) if whole else float(at), *beside, Estimate(*ends)])
    also = [] if repeats is None else ["environment steps"]
    return Table(name, "", ["task", "arm", "runs", x, *also, y], rows)

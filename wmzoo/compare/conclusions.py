"""What the comparison shows, in words; and what it does not show.

A difference is claimed only where its 95% interval leaves out zero, both arms have enough seeds and, on a task, Welch's
test, corrected for the number of tasks, agrees. With a margin, not worse is said where the interval is above −margin.
What the seeds could have shown stands beside.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

from wmzoo.compare.analysis import EFFECT, Comparison, Power
from wmzoo.compare.tasks import LAST, SECONDS, STEPS, Task, along
from wmzoo.reports.words import MINUS, counted, interval, number
from wmzoo.statistics.bootstrap import LEVEL, Estimate

FEWEST_FOR_CLAIM = 3  # seeds of each arm
AXIS_WORDS = {"steps": "at equal steps", "seconds": "at equal seconds"}


@dataclass(frozen=True)
class Conclusion:
    """`scope` is a task's name or `over N tasks`; `better` the arm that is, or None where nothing is shown."""

    scope: str
    axis: str
    text: str
    better: str | None


def conclude(comparison: Comparison) -> list[Conclusion]:
    """Every other arm against the baseline: first over all tasks (IQM), then on each task (mean return)."""
    found = []
    for arm in comparison.arms[1:]:
        if len(comparison.tasks) > 1:
            found += [_over_tasks(comparison, arm, axis) for axis in comparison.axes]
        found += [_on(task, comparison, arm, axis) for task in comparison.tasks for axis in comparison.axes]
    return found


def verdict(comparison: Comparison, axis: str, arm: str, task: Task | None = None) -> tuple[str, str | None]:
    """Of the difference to the baseline, on the task or of the IQM over all: words, and the arm that is better."""
    baseline = comparison.arms[0]
    if min(_seeds(comparison, arm, task)) < FEWEST_FOR_CLAIM:
        return "too few seeds", None
    difference, p = _difference(comparison, axis, arm, task), 0.0
    if task is not None:
        p = comparison.p_values(axis, arm)[task.name][-1]
    if not difference.excludes(0.0):
        return "not shown", None
    if p > 1 - LEVEL:
        return "a hint, not shown", None
    better = arm if float(difference.value) > 0 else baseline
    return f"{better} is better", better


def not_worse(comparison: Comparison, axis: str, arm: str, task: Task | None = None) -> tuple[float, bool | None]:
    """The margin in the unit of the difference, and whether the difference's interval lies above it on the other side
    of zero: then the arm is at most that much worse than the baseline.

    None where nothing can be said: without a margin, with too few seeds, and over tasks of several ranges for one in
    points.
    """
    margin = comparison.settings.margin
    if margin is None:
        return float("nan"), None
    share = margin.on(comparison.tasks if task is None else [task])
    size = share if task is None else share * (task.high - task.low)
    difference = _difference(comparison, axis, arm, task)
    known = size == size and difference.has_interval and min(_seeds(comparison, arm, task)) >= FEWEST_FOR_CLAIM
    return size, float(difference.low) > -size if known else None


def _over_tasks(comparison: Comparison, arm: str, axis: str) -> Conclusion:
    extra = f"; P({arm} > {comparison.arms[0]}) = {interval(comparison.improvement(axis, arm))}"
    scope = f"over {len(comparison.tasks)} tasks"
    return _conclusion(comparison, axis, arm, None, scope, "normalised IQM ", extra)


def _on(task: Task, comparison: Comparison, arm: str, axis: str) -> Conclusion:
    p, corrected = comparison.p_values(axis, arm)[task.name]
    extra = f", {_chance(p)}" if p == p else ""
    if extra and len(comparison.tasks) > 1:
        extra += f", corrected for {len(comparison.tasks)} tasks {_chance(corrected)},"
    return _conclusion(comparison, axis, arm, task, f"on {task.name}", "", extra)


def _conclusion(
    comparison: Comparison, axis: str, arm: str, task: Task | None, scope: str, of: str, extra: str
) -> Conclusion:
    words, better = verdict(comparison, axis, arm, task)
    seeds, baseline = _seeds(comparison, arm, task), comparison.arms[0]
    many = (
        f"{counted(seeds[0], 'seed')} each" if len(set(seeds)) == 1 else f"{seeds[0]} and {counted(seeds[1], 'seed')}"
    )
    if min(seeds) < FEWEST_FOR_CLAIM:
        words = f"no conclusion from fewer than {FEWEST_FOR_CLAIM} seeds of each"
    figure = f"{of}{interval(_difference(comparison, axis, arm, task))}{extra}"
    start = f"{arm} {MINUS} {baseline} {scope}: {figure} {AXIS_WORDS[axis]} ({many}): {words}."
    said = _margin(arm, *not_worse(comparison, axis, arm, task))
    said += _power(comparison.power(axis, arm, task), baseline, "" if task else "a difference of means of ")
    return Conclusion(scope, axis, start + said, better)


def _margin(arm: str, size: float, holds: bool | None) -> str:
    """A sentence; none where nothing can be said."""
    return "" if holds is None else f" {arm} {'is not' if holds else 'may be'} worse by {number(size)} or more."


def _chance(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {number(p)}"


def _power(power: Power, baseline: str, of: str) -> str:
    """A sentence on what could have been shown; none where one run has no spread, or runs have none."""
    if not power.shown > 0:
        return ""
    sentence = f" These seeds would show {of}{number(power.shown)} or more"
    if power.seeds == power.seeds:
        sentence += f"; {EFFECT:.0%} of {baseline}'s mean would take {number(power.seeds)} each"
    return f"{sentence}."


def _difference(comparison: Comparison, axis: str, arm: str, task: Task | None) -> Estimate:
    if task is None:
        return comparison.aggregate_difference("IQM", axis, arm)
    return comparison.task_difference(axis, arm, task)


def _seeds(comparison: Comparison, arm: str, task: Task | None) -> list[int]:
    """Of the arm and of the baseline."""
    arms = (arm, comparison.arms[0])
    return [comparison.seeds[name] if task is None else len(task.runs[name]) for name in arms]


def caveats(comparison: Comparison) -> list[str]:
    """What a reader has to know before believing the above."""
    tasks = comparison.tasks
    claims = (len(comparison.arms) - 1) * len(comparison.axes) * (len(tasks) + (len(tasks) > 1))
    said = [
        f"Differences looked at: {claims}. Those on tasks are corrected for the number of tasks (Holm); none is for"
        " that of arms, nor of ways to compare them.",
        "Intervals from few seeds are too narrow: with normally distributed returns, a 95% interval of the difference"
        " of two means holds the true one in about 81% of studies with 3 seeds an arm, 89% with 5, 92% with 10 and"
        " 93% with 20. Read an interval that only just leaves out zero as a hint.",
    ]
    if min(comparison.seeds.values()) == 1:
        said.append("A single seed has no interval.")
    ragged = [task.name for task in tasks if len({len(runs) for runs in task.runs.values()}) > 1]
    if ragged:
        said.append(f"The arms have different numbers of seeds on {', '.join(ragged)}.")
    if SECONDS not in comparison.axes:
        late = [task.name for task in tasks if task.end[SECONDS] != task.end[SECONDS]]
        said.append(
            f"There is no comparison at equal seconds: on {', '.join(late)} some run's first evaluation comes after the"
            " fastest arm has ended. A smaller eval.every mends that."
        )
    for task in tasks:
        longest = max(run.steps[-1] for runs in task.runs.values() for run in runs)
        if longest > task.end[STEPS]:
            said.append(
                f"On {task.name} some runs are longer than {number(task.end[STEPS])} steps, the last that all have."
            )
        fewest = min(
            (along(a, run) <= task.end[a]).sum() for a in comparison.axes for run in chain(*task.runs.values())
        )
        if comparison.settings.score == LAST and fewest < comparison.settings.last:
            said.append(
                f"On {task.name} some runs have {counted(int(fewest), 'evaluation')} up to where they are compared:"
                f" their scores are not the mean of {comparison.settings.last}."
            )
        if task.threshold != task.threshold:
            said.append(
                f"On {task.name} no arm's mean score is above {number(task.low)}: there is no threshold to reach."
            )
    return said

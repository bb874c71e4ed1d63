"""What the comparison shows, in words; and what it does not show.

A difference is claimed only where its 95% interval leaves out zero and both arms have enough seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wmzoo.compare.analysis import Comparison
from wmzoo.compare.tasks import SECONDS, STEPS
from wmzoo.reports.words import MINUS, counted, interval, number
from wmzoo.statistics.bootstrap import Estimate

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
        for axis in comparison.axes:
            if len(comparison.tasks) > 1:
                found.append(_over_tasks(comparison, arm, axis))
        for task in comparison.tasks:
            for axis in comparison.axes:
                difference = comparison.task_difference(axis, arm, task)
                seeds = [len(task.runs[name]) for name in (arm, comparison.arms[0])]
                found.append(_conclusion(f"on {task.name}", axis, (arm, comparison.arms[0]), difference, seeds))
    return found


def _over_tasks(comparison: Comparison, arm: str, axis: str) -> Conclusion:
    baseline = comparison.arms[0]
    difference = comparison.aggregate_difference("IQM", axis, arm)
    seeds = [comparison.seeds[arm], comparison.seeds[baseline]]
    extra = f"; P({arm} > {baseline}) = {interval(comparison.improvement(axis, arm))}"
    scope = f"over {len(comparison.tasks)} tasks"
    return _conclusion(scope, axis, (arm, baseline), difference, seeds, "normalised IQM ", extra)


def _conclusion(
    scope: str,
    axis: str,
    arms: tuple[str, str],
    difference: Estimate,
    seeds: Sequence[int],
    of: str = "",
    extra: str = "",
) -> Conclusion:
    arm, baseline = arms
    better = None
    if min(seeds) < FEWEST_FOR_CLAIM:
        verdict = f"no conclusion from fewer than {FEWEST_FOR_CLAIM} seeds of each"
    elif not difference.excludes(0.0):
        verdict = "a difference is not shown"
    else:
        better = arm if float(difference.value) > 0 else baseline
        verdict = f"{better} is better"
    many = (
        f"{counted(seeds[0], 'seed')} each" if len(set(seeds)) == 1 else f"{seeds[0]} and {counted(seeds[1], 'seed')}"
    )
    figure = f"{of}{interval(difference)}{extra}"
    text = f"{arm} {MINUS} {baseline} {scope}: {figure} {AXIS_WORDS[axis]} ({many}): {verdict}."
    return Conclusion(scope, axis, text, better)


def caveats(comparison: Comparison) -> list[str]:
    """What a reader has to know before believing the above."""
    tasks = comparison.tasks
    claims = (len(comparison.arms) - 1) * len(comparison.axes) * (len(tasks) + (len(tasks) > 1))
    said = [
        f"Differences looked at: {claims}, with no correction for their number.",
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
        if task.threshold != task.threshold:
            said.append(
                f"On {task.name} no arm's mean score is above {number(task.low)}: there is no threshold to reach."
            )
    return said

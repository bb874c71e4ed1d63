"""From runs to everything the report shows. An axis is "steps" or "seconds": where the arms are compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np

from wmzoo.compare.runs import Run
from wmzoo.compare.tasks import AREA, SECONDS, STEPS, Settings, Task, along, make_task
from wmzoo.errors import WmzooError
from wmzoo.statistics import aggregates, curves
from wmzoo.statistics.aggregates import Array
from wmzoo.statistics.bootstrap import Estimate, estimate
from wmzoo.statistics.curves import Curve, Reach
from wmzoo.statistics.power import detectable, holm, p_value, seeds_for

AGGREGATES: Mapping[str, Callable[..., Array]] = {
    "IQM": aggregates.iqm,
    "median": aggregates.median,
    "mean": aggregates.mean,
}
OF_A_TASK: Mapping[str, Callable[..., Array]] = {
    "mean": aggregates.mean,
    "median": lambda scores: np.median(scores[0], axis=-1),  # over its runs; over tasks it would be the mean again
    "IQM": aggregates.iqm,
}
CURVE_POINTS = 60
EFFECT = 0.1  # of the baseline's mean: the difference whose price in seeds is told
P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Power:
    """What the seeds could have shown, with a chance of 80%, in the unit of the scores.

    `seeds` of each arm would show a difference of a tenth of `mean`, the baseline's; NaN where that is not known.
    """

    shown: float
    mean: float
    seeds: float


def once(method: Callable[Concatenate[Comparison, P], R]) -> Callable[Concatenate[Comparison, P], R]:
    """An estimate that several figures and tables show is made for the first of them."""

    @wraps(method)
    def known(self: Comparison, *args: P.args, **kwargs: P.kwargs) -> R:
        key = (method.__name__, *(each.name if isinstance(each, Task) else each for each in args))
        if key not in self._known:
            self._known[key] = method(self, *args, **kwargs)
        found: R = self._known[key]
        return found

    return known  # type: ignore[return-value]


@dataclass
class Comparison:
    """All estimates, computed once: `arms[0]` is the baseline that the others are compared with."""

    arms: Sequence[str]
    tasks: Sequence[Task]
    settings: Settings
    axes: Sequence[str]  # those on which every task can be compared
    seeds: Mapping[str, int]  # the smallest number of runs on a task, by arm
    _known: dict[tuple[Any, ...], Any] = field(default_factory=dict)

    @property
    def unit(self) -> str:
        """What a step is, of all runs: an agent step, or of policies from data an iteration."""
        return next(run.unit for task in self.tasks for runs in task.runs.values() for run in runs)

    def estimate(self, statistic: Callable[..., Array], *groups: Sequence[Array], method: str = "linear") -> Estimate:
        settings = self.settings
        return estimate(statistic, *groups, repetitions=settings.repetitions, seed=settings.seed, method=method)

    @once
    def returns(self, axis: str, arm: str, task: Task) -> Array:
        """Scores in the unit of the return: [R]."""
        return self.areas(axis, arm, task) if self.settings.score == AREA else self.last(axis, arm, task)

    def last(self, axis: str, arm: str, task: Task) -> Array:
        """The mean of the last evaluations: [R]."""
        end, last = task.end[axis], self.settings.last
        return np.array([curves.score_at(along(axis, run), run.returns, end, last) for run in task.runs[arm]])

    def areas(self, axis: str, arm: str, task: Task) -> Array:
        """Under the curves, from the first evaluation that all have to the common end, divided by the width: [R]."""
        start, end = max(along(axis, run)[0] for runs in task.runs.values() for run in runs), task.end[axis]
        heights = [aggregates.area_under_curve(along(axis, run), run.returns, start, end) for run in task.runs[arm]]
        return np.array(heights)

    @once
    def scores(self, axis: str, arm: str) -> list[Array]:
        """Normalised scores, an array [R_m] per task."""
        return [task.normalise(self.returns(axis, arm, task)) for task in self.tasks]

    @once
    def aggregate(self, name: str, axis: str, arm: str) -> Estimate:
        return self.estimate(AGGREGATES[name], self.scores(axis, arm))

    @once
    def aggregate_difference(self, name: str, axis: str, arm: str) -> Estimate:
        """The arm's aggregate less the baseline's."""
        statistic = AGGREGATES[name]
        return self.estimate(
            lambda x, y: statistic(x) - statistic(y), self.scores(axis, arm), self.scores(axis, self.arms[0])
        )

    @once
    def improvement(self, axis: str, arm: str) -> Estimate:
        """P(arm > baseline), averaged over tasks."""
        return self.estimate(
            aggregates.probability_of_improvement, self.scores(axis, arm), self.scores(axis, self.arms[0])
        )

    def profile(self, axis: str, arm: str, thresholds: Array) -> Curve:
        scores = self.scores(axis, arm)
        y = self.estimate(partial(aggregates.performance_profile, thresholds=thresholds), scores)
        return Curve(thresholds, y, sum(task.size for task in scores))

    @once
    def task_score(self, name: str, axis: str, arm: str, task: Task) -> Estimate:
        return self.estimate(OF_A_TASK[name], [self.returns(axis, arm, task)])

    @once
    def task_difference(self, axis: str, arm: str, task: Task) -> Estimate:
        """Mean return of the arm less the baseline's."""
        groups = [[self.returns(axis, name, task)] for name in (arm, self.arms[0])]
        return self.estimate(lambda x, y: aggregates.mean(x) - aggregates.mean(y), *groups)

    @once
    def task_improvement(self, axis: str, arm: str, task: Task) -> Estimate:
        groups = [[self.returns(axis, name, task)] for name in (arm, self.arms[0])]
        return self.estimate(aggregates.probability_of_improvement, *groups)

    @once
    def p_values(self, axis: str, arm: str) -> Mapping[str, Sequence[float]]:
        """By task: Welch's p of the difference to the baseline, and the same corrected for the number of tasks."""
        p = [p_value([self.returns(axis, arm, t)], [self.returns(axis, self.arms[0], t)]) for t in self.tasks]
        return {task.name: each for task, *each in zip(self.tasks, p, holm(p), strict=True)}

    @once
    def power(self, axis: str, arm: str, task: Task | None = None) -> Power:
        """Of the difference of mean returns on the task, by Welch's test as it is corrected for the number of tasks;
        without a task, of the mean normalised scores over all of them."""
        ours, theirs = (
            self.scores(axis, name) if task is None else [self.returns(axis, name, task)]
            for name in (arm, self.arms[0])
        )
        mean = float(aggregates.mean(theirs))
        tested = [p for p, _ in self.p_values(axis, arm).values() if p == p] if task is not None else []
        among = max(1, len(tested))
        return Power(detectable(ours, theirs, among), mean, seeds_for(EFFECT * abs(mean), ours, theirs, among))

    def area(self, axis: str, arm: str, task: Task) -> Estimate:
        """Mean over runs of the area under the curve."""
        return self.estimate(aggregates.mean, [self.areas(axis, arm, task)])

    @once
    def reach(self, axis: str, arm: str, task: Task) -> Reach:
        runs = task.runs[arm]
        times = np.array([aggregates.time_to_threshold(along(axis, run), run.returns, task.threshold) for run in runs])
        middle = self.estimate(_middle, [times], method="inverted_cdf")
        return Reach(middle, int(np.isinf(times).sum()), times.size)

    @once
    def learning_curve(self, axis: str, arm: str, task: Task) -> Curve:
        """Mean evaluation return, at the evaluations' steps or at evenly spaced seconds that the arm's seeds share."""
        runs = task.runs[arm]
        xs = [along(axis, run) for run in runs]
        grid = curves.common_grid(xs, None if axis == STEPS else CURVE_POINTS)
        values = curves.on_grid(grid, xs, [run.returns for run in runs])
        return Curve(grid, self.estimate(aggregates.mean, [values]), len(runs))

    def aggregate_curve(self, axis: str, arm: str) -> Curve:
        """The IQM of normalised evaluations at points that all runs of all tasks have."""
        everything = [along(axis, run) for task in self.tasks for runs in task.runs.values() for run in runs]
        first, last = max(x[0] for x in everything), min(task.end[axis] for task in self.tasks)
        grid = np.linspace(first, last, CURVE_POINTS) if last > first else np.empty(0)
        scores = [
            task.normalise(curves.on_grid(grid, [along(axis, r) for r in runs], [r.returns for r in runs]))
            for task in self.tasks
            for runs in [task.runs[arm]]
        ]
        # Point by point: all at once would take points × repetitions × runs numbers.
        found = [self.estimate(aggregates.iqm, [task[i] for task in scores]) for i in range(grid.size)]
        y = Estimate(*(np.array([float(getattr(e, part)) for e in found]) for part in ("value", "low", "high")))
        return Curve(grid, y, min(task.shape[-1] for task in scores))


def compare(runs: Sequence[Run], settings: Settings) -> Comparison:
    """The comparison of runs as `selection.select_runs` gives them: the arm of the first is the baseline."""
    arms = list(dict.fromkeys(run.arm for run in runs))
    names = sorted({run.task for run in runs})
    tasks = [make_task(name, arms, [run for run in runs if run.task == name], settings) for name in names]
    axes = [axis for axis in (STEPS, SECONDS) if all(np.isfinite(task.end[axis]) for task in tasks)]
    if STEPS not in axes:
        raise WmzooError(
            "some runs end before the first evaluation of others: train them alike, or with a smaller eval.every"
        )
    seeds = {arm: min(len(task.runs[arm]) for task in tasks) for arm in arms}
    return Comparison(arms, tasks, settings, axes, seeds)


def _middle(scores: Sequence[Array]) -> Array:
    """The median of one task's runs; of an even number the later of the middle two, since infinities have no mean."""
    ordered = np.sort(scores[0], axis=-1)
    return np.asarray(ordered[..., ordered.shape[-1] // 2])

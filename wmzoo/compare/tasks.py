"""One task of a comparison: its runs by arm, the range of its returns, and where its arms are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from wmzoo.compare.runs import Run
from wmzoo.errors import WmzooError
from wmzoo.statistics import curves
from wmzoo.statistics.aggregates import Array

STEPS, SECONDS = "steps", "seconds"  # an axis: where the arms are compared
LAST, AREA = "last", "area"  # scores
WALL, CPU, PACE = "wall", "cpu", "pace"  # clocks
UNDISTURBED = 90  # percentile of the speeds of an arm's iterations on a task
DMC_RANGE = (0.0, 1000.0)  # of dm_control's returns: rewards in [0, 1], 1000 control steps an episode


@dataclass(frozen=True)
class Margin:
    """How much less than the baseline's is still not worse: in the unit of the return, or a share of a task's range."""

    size: float
    share: bool = False

    def on(self, tasks: Sequence[Task]) -> float:
        """As a share of the range, which all of the tasks have to have in common unless it is one already; else NaN."""
        widths = {task.high - task.low for task in tasks}
        width = widths.pop() if len(widths) == 1 else 0.0
        return self.size if self.share else self.size / width if width > 0 else float("nan")

    def __str__(self) -> str:
        return f"{100 * self.size:g}%" if self.share else f"{self.size:g}"


def read_margin(text: str) -> Margin:
    """`100`, points of return, or `10%` of each task's range. WmzooError for anything else, and for 0 and less."""
    share = text.endswith("%")
    try:
        size = float(text.removesuffix("%"))
    except ValueError:
        size = 0.0
    if not 0 < size < float("inf"):
        raise WmzooError(f"--margin is {text}; it takes points of return, as 100, or a share of the range, as 10%")
    return Margin(size / 100 if share else size, share)


@dataclass(frozen=True)
class Settings:
    """`threshold`: of the best arm's mean, for the time to reach it. `margin`: None to say nothing of not being worse.

    score: of a run, its last evaluations' mean, `last` of them, or the mean height of its curve (`area`).

    clock: where seconds are from. `wall` is the wall clock. The others are for a machine that was busy with other
        things, too: `cpu`, processor seconds, and, for runs without that column, `pace`, what they would take with the
        fastest warm-up of their arm on the task, and then its undisturbed iterations.
    """

    score: str = LAST
    last: int = curves.LAST_EVALUATIONS
    threshold: float = 0.8
    repetitions: int = 5000
    seed: int = 0
    clock: str = WALL
    margin: Margin | None = None


@dataclass(frozen=True)
class Task:
    """One task. Its range makes scores comparable between tasks."""

    name: str
    runs: Mapping[str, Sequence[Run]]
    low: float
    high: float
    natural: bool  # the range is the task's own, not that of the compared evaluations
    end: Mapping[str, float]  # by axis; NaN where the arms cannot be compared on it
    threshold: float  # a return; NaN where no arm has a score above the low end
    action_repeat: int | None = 1  # environment steps an agent step; None where that differs between its runs

    def normalise(self, returns: Array) -> Array:
        """0 at the low end, 1 at the high one: [...] -> [...]."""
        width = self.high - self.low
        return (returns - self.low) / width if width > 0 else np.zeros_like(returns)


def along(axis: str, run: Run) -> Array:
    """Where the run's evaluations lie on the axis: [E]."""
    return run.steps if axis == STEPS else run.seconds


def make_task(name: str, arms: Sequence[str], runs: Sequence[Run], settings: Settings) -> Task:
    """The task `name` of its runs, with every arm's in the order of their seeds."""
    by_arm = {arm: sorted((run for run in runs if run.arm == arm), key=lambda run: run.seed) for arm in arms}
    if clock := {CPU: _by_processor, PACE: _at_pace}.get(settings.clock):
        by_arm = {arm: clock(of_arm) for arm, of_arm in by_arm.items()}
    steps = curves.equal_steps([[run.steps for run in of_arm] for of_arm in by_arm.values()])
    seconds = curves.equal_seconds([[run.seconds for run in of_arm] for of_arm in by_arm.values()])
    natural = all(run.suite == "dmc" and run.config.get("env.episode_length") is None for run in runs)
    evaluations = np.concatenate([run.returns for run in runs])
    low, high = DMC_RANGE if natural else (float(evaluations.min()), float(evaluations.max()))
    best = max(
        float(np.mean([curves.score_at(run.steps, run.returns, steps, settings.last) for run in of_arm]))
        for of_arm in by_arm.values()
    )
    threshold = low + settings.threshold * (best - low) if best > low else float("nan")
    repeats = {run.action_repeat for run in runs}
    repeat = repeats.pop() if len(repeats) == 1 else None
    return Task(name, by_arm, low, high, natural, {STEPS: steps, SECONDS: seconds}, threshold, repeat)


def _by_processor(runs: Sequence[Run]) -> list[Run]:
    """Processor seconds for those of the wall clock."""
    for run in runs:
        if run.cpu_time.size != run.steps.size:
            raise WmzooError(f"{run.folder}: no cpu_time in its metrics, which the clock `cpu` needs; take another")
    return [replace(run, seconds=run.cpu_time) for run in runs]


def _at_pace(runs: Sequence[Run]) -> list[Run]:
    """An arm's runs of a task as if all had its fastest warm-up, and iterations as fast as its undisturbed ones."""
    speeds = np.concatenate([run.speeds for run in runs])
    if not speeds.size:
        raise WmzooError(f"{runs[0].folder}: no speed (fps) in its metrics, which the clock `pace` needs")
    pace, warm_up = float(np.percentile(speeds, UNDISTURBED)), min(run.first[1] for run in runs)
    return [replace(r, seconds=warm_up + (r.steps - r.first[0]) / pace, speeds=np.array([pace])) for r in runs]

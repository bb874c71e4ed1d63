"""How a comparison's numbers came about, in words: the report's last section."""

from __future__ import annotations

from wmzoo import __version__
from wmzoo.compare.analysis import Comparison
from wmzoo.compare.runs import ITERATIONS
from wmzoo.compare.tasks import AREA, CPU, PACE, SECONDS, STEPS, UNDISTURBED, Margin
from wmzoo.reports.words import MINUS, number


def method(comparison: Comparison) -> list[str]:
    """Definitions, as this comparison used them."""
    settings = comparison.settings
    last = f"the mean of its last {settings.last} evaluations" if settings.last > 1 else "its last evaluation"
    score = "the area under its curve up to there (see below)" if settings.score == AREA else f"{last} up to there"
    ends = "; ".join(
        f"{task.name} {number(task.end[STEPS])} steps, {number(task.end[SECONDS])} s" for task in comparison.tasks
    )
    return [
        f"The score of a run at some point is {score}, interpolated between evaluations.",
        *_normalisation(comparison),
        _steps(comparison),
        "Equal steps: the last step that every run of the task was evaluated at. Equal seconds: the smallest over arms"
        f" of the median time of the last evaluation; slower arms are cut there ({ends}).",
        "Intervals: 95%, percentiles of a stratified bootstrap over seeds within each task and arm, arms drawn"
        f" independently; {settings.repetitions:,} repetitions, random seed {settings.seed}.",
        *_margin(settings.margin),
        "IQM (the mean of the middle half of all runs), probability of improvement and performance profile: Agarwal et"
        " al. 2021, arXiv 2108.13264. Over tasks, median and mean are those of the tasks' means; by task, of its runs.",
        "Area under the curve: the mean height of the evaluation curve, from the first evaluation that all runs have"
        " to equal steps or seconds. Time to the threshold: where the evaluation curve first crosses it, interpolated.",
        "Learning curves show single evaluations, so their ends differ from the scores.",
        _clock(settings.clock),
        f"Made by wmzoo {__version__}.",
    ]


def _steps(comparison: Comparison) -> str:
    """What they are, and by what agent steps are multiplied."""
    if comparison.unit == ITERATIONS:
        return "Steps are iterations of the training: it learns from data, and steps no environment."
    repeats = {task.action_repeat for task in comparison.tasks}
    by_task = ", ".join(f"{task.name} {task.action_repeat or 'differs'}" for task in comparison.tasks)
    repeat = str(repeats.pop()) if len(repeats) == 1 and None not in repeats else f"by task: {by_task}"
    return (
        "Steps are agent steps, of all environments of a run together; the environment's own, as many papers count, are"
        f" these times the action repeat ({repeat})."
    )


def _margin(margin: Margin | None) -> list[str]:
    if margin is None:
        return []
    size = (
        f"{margin} of the task's range" if margin.share else f"{margin} of return, over tasks as a share of their range"
    )
    return [
        f"Not worse: the interval of the difference lies above {MINUS}{size}. That is a one-sided test at 2.5% by the"
        " bootstrap, without correction for the number of tasks."
    ]


def _clock(clock: str) -> str:
    if clock == CPU:
        return (
            "Seconds: of the processor, all threads of the training process, without what else the machine did and"
            " without worker processes of environments. Agent"
            " steps/s: the median iteration's by the wall clock, without evaluations and pre-training."
        )
    if clock == PACE:
        return (
            f"Seconds and agent steps/s: at the pace of undisturbed iterations, the {UNDISTURBED}th percentile of the"
            " speeds of an arm's iterations on the task, after its fastest warm-up, and without evaluations. The wall"
            " clock of these runs also shows what else the machine did."
        )
    return "Seconds: the wall clock. Agent steps/s: the median iteration's, without evaluations and pre-training."


def _normalisation(comparison: Comparison) -> list[str]:
    natural = [task.name for task in comparison.tasks if task.natural]
    said = []
    if natural:
        said.append(f"Normalised scores of {', '.join(natural)}: the return divided by 1000, dm_control's own range.")
    for task in comparison.tasks:
        if not task.natural:
            said.append(
                f"Normalised scores of {task.name}: 0 at {number(task.low)}, 1 at {number(task.high)}, the lowest and"
                " the highest evaluation of the runs compared here; with other runs they would be other scores."
            )
    return said

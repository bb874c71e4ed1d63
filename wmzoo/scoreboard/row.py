"""A row of the scoreboard: an arm's evaluations on each task, what it costs, and what its model is like.

Steps are agent steps. `at_steps` is the score after as many of them as everybody has; `at_seconds` the one after as
many as the arm comes to in the seconds that the mlp needs for those: N / r, with r the seconds of an iteration against
the mlp's. (Before the first iteration there are steps without updates and updates without steps, which come to about
as much.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from wmzoo.statistics.bootstrap import Estimate
from wmzoo.statistics.curves import LAST_EVALUATIONS, Curve, common_grid, on_grid, score_at
from wmzoo.statistics.student import mean_with_interval
from wmzoo.storage.rows import Row as Keys

POINTS = (50_000, 100_000, 250_000)
WITHIN = 0.99  # of so many steps a run counts as one of that length


@dataclass(frozen=True)
class Evaluations:
    """Of a run: agent steps, increasing, and mean returns."""

    steps: list[float]
    returns: list[float]


@dataclass(frozen=True)
class TaskRow:
    """An arm on a task.

    digest, config: of its runs' fingerprint, and those keys of it that are not the whole row's. commit: of the code
    that trained them, if known. seeds: of each its evaluations. The rest are means over seeds, None where nothing
    tells: ratio, seconds of an iteration against the mlp's; parameters, nfe: of the dynamics, and baseline_parameters
    of the mlp's; latent_errors: of open-loop predictions, the first step's and the last; esnr: at the trained horizon;
    gradient_cosine: there, too, of the model's gradients by the actions with the simulator's, with both ends of its
    interval, over three seeds or more, or of one over its episodes; nonfinite: of all seeds together.
    """

    digest: str
    config: Keys
    commit: str | None
    seeds: Mapping[str, Evaluations]
    ratio: float | None = None
    parameters: int | None = None
    baseline_parameters: int | None = None
    nfe: float | None = None
    latent_errors: Sequence[float | None] = (None, None)
    esnr: float | None = None
    gradient_cosine: Sequence[float | None] | None = None
    nonfinite: int = 0

    @property
    def gradient_accuracy(self) -> Estimate | None:
        """The gradients' cosine, with its interval where there is one."""
        if self.gradient_cosine is None:
            return None
        return Estimate(*(np.array(np.nan if end is None else end) for end in self.gradient_cosine))

    @property
    def end(self) -> float:
        """The last step that every seed was evaluated at."""
        return min(run.steps[-1] for run in self.seeds.values())

    def at_steps(self, steps: float) -> Estimate | None:
        """The mean score over the seeds and its 95% interval; None where some seed did not come so far, so that every
        score of a row is of the same seeds."""
        return self._score(steps, steps)

    def at_seconds(self, steps: float) -> Estimate | None:
        """At as many seconds as the mlp needs for so many steps. A faster arm's run may be over by then: its last score
        counts. None without a ratio, and where a slower arm's seed has not had its first evaluation by then."""
        return None if self.ratio is None else self._score(steps, steps / self.ratio)

    def _score(self, length: float, where: float) -> Estimate | None:
        scores = [
            score_at(np.array(run.steps), np.array(run.returns), where, LAST_EVALUATIONS)
            for run in self.seeds.values()
            if run.steps[-1] >= WITHIN * min(length, where) and run.steps[0] <= where
        ]
        return mean_with_interval(np.array(scores)) if len(scores) == len(self.seeds) else None

    def curve(self) -> Curve:
        """The mean of its seeds' evaluations at the steps that they share, with its interval."""
        xs, ys = ([np.array(getattr(run, name)) for run in self.seeds.values()] for name in ("steps", "returns"))
        grid = common_grid(xs)
        return Curve(grid, mean_with_interval(on_grid(grid, xs, ys)), len(xs))


@dataclass(frozen=True)
class Row:
    """overrides: what makes the arm. command: what makes the row. config: the keys of the fingerprint that all tasks
    share. notes: sentences on what the arm is."""

    name: str
    overrides: Sequence[str]
    command: str
    config: Keys
    tasks: Mapping[str, TaskRow]
    notes: Sequence[str] = field(default_factory=list)

    def fingerprint(self, task: str) -> Keys:
        return {**self.config, **self.tasks[task].config}

    @property
    def ratio(self) -> float | None:
        """The median over its tasks."""
        known = [task.ratio for task in self.tasks.values() if task.ratio is not None]
        return float(np.median(known)) if known else None

    def mean(self, tasks: Sequence[str], steps: float) -> float | None:
        """Of the scores at equal steps on these tasks; None where it lacks one."""
        found = [self.tasks[task].at_steps(steps) if task in self.tasks else None for task in tasks]
        scores = [float(score.value) for score in found if score is not None]
        return float(np.mean(scores)) if scores and len(scores) == len(found) else None

"""What `wmzoo diagnose` found in the runs, as curves: by horizon, over training, by predicted step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wmzoo.compare import diagnosed
from wmzoo.compare.analysis import Comparison
from wmzoo.compare.diagnosed import OVER_TRAINING, numbers
from wmzoo.compare.figures import Curves
from wmzoo.compare.runs import Run
from wmzoo.statistics import aggregates
from wmzoo.statistics.aggregates import Array
from wmzoo.statistics.bootstrap import Estimate
from wmzoo.statistics.curves import Curve

HORIZON, STEP, ITERATION = "horizon", "steps predicted", "iteration"  # what figures lie along


@dataclass(frozen=True)
class Quantity:
    """A series of the diagnostics: `path` leads to its values, which lie along `x`."""

    name: str
    title: str
    label: str
    path: tuple[str, ...]
    log: bool = False  # drawn on a logarithmic axis, on which what is 0 or less has no place

    @property
    def x(self) -> str:
        return {"open_loop": STEP, OVER_TRAINING: ITERATION}.get(self.path[0], HORIZON)

    @property
    def along(self) -> tuple[str, ...]:
        """The path to x."""
        return {STEP: ("open_loop", "step"), ITERATION: (OVER_TRAINING, "iteration")}.get(self.x, ("horizons",))


QUANTITIES = (
    Quantity("esnr", "Expected signal-to-noise ratio of the policy gradient", "ESNR", ("esnr", "value"), True),
    Quantity("gradient_variance", "Total variance of the policy gradient", "variance", ("gradient_variance",), True),
    Quantity("cosine", "Agreement of independent policy gradients", "cosine", ("cosine",)),
    Quantity(
        "gradient_accuracy",
        "Agreement of the model's gradients by the actions with the simulator's",
        "cosine",
        ("gradient_accuracy", "cosine", "value"),
    ),
    Quantity(
        "gradient_accuracy_over_training",
        f"Agreement of the model's gradients by the actions with the simulator's at H = {diagnosed.HORIZON}, by"
        " checkpoint",
        "cosine",
        (OVER_TRAINING, "cosine", "value"),
    ),
    Quantity("jacobian", "Spectral norm of the rollout's Jacobian", "‖∂z_H/∂z_0‖", ("jacobian", "mean"), True),
    Quantity(
        "latent_error", "Latents (1: no better than no change)", "relative error", ("open_loop", "latent_error"), True
    ),
    Quantity("reward_r2", "Rewards, coefficient of determination", "R²", ("open_loop", "reward_r2")),
    Quantity("return_error", "Discounted return up to the step", "error (std)", ("open_loop", "return_error")),
)


def curves(comparison: Comparison, quantity: Quantity) -> Curves:
    """The quantity's mean over the runs that have it, at the points that these share; no entry where none has it."""
    found: dict[str, dict[str, Curve]] = {}
    for task in comparison.tasks:
        for arm in comparison.arms:
            curve = _curve(comparison, quantity, task.runs[arm])
            if curve is not None:
                found.setdefault(task.name, {})[arm] = curve
    return found


def undrawn(quantity: Quantity, found: Curves) -> str:
    """A sentence, for a picture's caption, on the points of runs that its logarithmic axis has no place for."""
    drawn = [curve for curves in found.values() for curve in curves.values()] if quantity.log else []
    points = [curve.y.value if curve.each is None else curve.each for curve in drawn]
    missing, of = (sum(int(np.sum(count(each))) for each in points) for count in (lambda y: y <= 0, np.isfinite))
    words = f" Not drawn, as a logarithmic axis has no place for 0 and less: {missing} of {of} points."
    return words * bool(missing)


@dataclass(frozen=True)
class Difference:
    """P(arm > baseline) of a quantity at a horizon or step, averaged over the tasks whose runs have it."""

    quantity: Quantity
    at: float
    arm: str
    tasks: int
    probability: Estimate


def differences(comparison: Comparison, quantity: Quantity) -> list[Difference]:
    """Every other arm against the baseline, at every point that all runs of some task share: ranks of runs, whatever
    the scale."""
    found = []
    for arm in comparison.arms[1:]:
        baseline = comparison.arms[0]
        both = [(_values(t.runs[arm], quantity), _values(t.runs[baseline], quantity)) for t in comparison.tasks]
        for at in sorted({at for ours, theirs in both for at in ours.keys() & theirs.keys()}):
            pairs = [(ours[at], theirs[at]) for ours, theirs in both if at in ours and at in theirs]
            chance = comparison.estimate(aggregates.probability_of_improvement, *map(list, zip(*pairs, strict=True)))
            found.append(Difference(quantity, at, arm, len(pairs), chance))
    return found


def _values(runs: Sequence[Run], quantity: Quantity) -> dict[float, Array]:
    """At each point that all of these runs share, the finite values [R]."""
    series = [pair for run in runs if (pair := _series(run.diagnostics, quantity.along, quantity.path))]
    if not series:
        return {}
    shared = sorted(set[float].intersection(*(set(x.tolist()) for x, _ in series)))
    found = {point: np.array([y[x.tolist().index(point)] for x, y in series]) for point in shared}
    return {point: values for point, values in found.items() if np.isfinite(values).all()}


def _curve(comparison: Comparison, quantity: Quantity, runs: Sequence[Run]) -> Curve | None:
    series = [pair for run in runs if (pair := _series(run.diagnostics, quantity.along, quantity.path))]
    if not series:
        return None
    shared = sorted(set[float].intersection(*(set(x.tolist()) for x, _ in series)))
    if not shared:
        return None
    values = np.array([[y[x.tolist().index(point)] for x, y in series] for point in shared])
    estimate = comparison.estimate(aggregates.mean, [values])
    if not np.isfinite(estimate.value).any():
        return None
    if len(series) == 1:  # its own interval, over the sampled states, is better than none
        (run,) = (run for run in runs if _series(run.diagnostics, quantity.along, quantity.path))
        ends = [_series(run.diagnostics, quantity.along, (*quantity.path[:-1], end)) for end in ("low", "high")]
        if ends[0] and ends[1]:
            estimate = Estimate(values[..., 0], ends[0][1], ends[1][1])
    return Curve(np.array(shared), estimate, len(series), None if quantity.x == STEP else values)


def _series(diagnostics: Mapping[str, Any], along: Sequence[str], path: Sequence[str]) -> tuple[Array, Array] | None:
    """x and y, a null as NaN; None where they are not there, do not fit each other, or are nulls alone."""
    x, y = numbers(diagnostics, along), numbers(diagnostics, path)
    return (x, y) if x is not None and y is not None and x.shape == y.shape and np.isfinite(y).any() else None

"""What `wmzoo diagnose` found in the runs, as curves: gradient quality by horizon, open-loop error by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wmzoo.compare.analysis import Comparison
from wmzoo.compare.figures import Curves
from wmzoo.compare.runs import Run
from wmzoo.statistics import aggregates
from wmzoo.statistics.aggregates import Array
from wmzoo.statistics.bootstrap import Estimate
from wmzoo.statistics.curves import Curve


@dataclass(frozen=True)
class Quantity:
    """A series of diagnostics.json: `path` leads to its values, along the horizons or the open loop's steps."""

    name: str
    title: str
    label: str
    path: tuple[str, ...]
    log: bool = False  # drawn on a logarithmic axis, on which what is 0 or less has no place

    @property
    def of_gradient(self) -> bool:
        return self.path[0] != "open_loop"

    @property
    def along(self) -> tuple[str, ...]:
        return ("horizons",) if self.of_gradient else ("open_loop", "step")


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


@dataclass(frozen=True)
class Difference:
    """P(arm > baseline) of a quantity at a horizon or step, averaged over the tasks whose runs have it."""

    quantity: Quantity
    at: float
    arm: str
    tasks: int
    probability: Estimate


def differences(comparison: Comparison, quantity: Quantity) -> list[Difference]:
    """Every other arm against the baseline, at the points that all runs share: ranks of runs, whatever the scale."""
    found = []
    for arm in comparison.arms[1:]:
        baseline = comparison.arms[0]
        both = [(_values(t.runs[arm], quantity), _values(t.runs[baseline], quantity)) for t in comparison.tasks]
        pairs = [(x, y) for x, y in both if x and y]
        shared = sorted(set[float].intersection(*(set(values) for pair in pairs for values in pair))) if pairs else []
        for at in shared:
            ours, theirs = [x[at] for x, _ in pairs], [y[at] for _, y in pairs]
            chance = comparison.estimate(aggregates.probability_of_improvement, ours, theirs)
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
    return Curve(np.array(shared), estimate, len(series), values if quantity.of_gradient else None)


def _series(diagnostics: Mapping[str, Any], along: Sequence[str], path: Sequence[str]) -> tuple[Array, Array] | None:
    """x and y, a null as NaN; None where they are not there, do not fit each other, or are nulls alone."""
    x, y = _numbers(diagnostics, along), _numbers(diagnostics, path)
    return (x, y) if x is not None and y is not None and x.shape == y.shape and np.isfinite(y).any() else None


def _numbers(diagnostics: Mapping[str, Any], path: Sequence[str]) -> Array | None:
    node: Any = diagnostics
    for key in path:
        node = node.get(key) if isinstance(node, Mapping) else None
    try:
        return np.array([np.nan if value is None else value for value in node], dtype=np.float64)
    except (TypeError, ValueError):
        return None

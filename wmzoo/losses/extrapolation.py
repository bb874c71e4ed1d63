"""Whether an integrator evaluates the field at times at which the loss does not train it, or hardly."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from wmzoo.dynamics.base import Dynamics
from wmzoo.integrators.base import Integrator
from wmzoo.losses.base import DynamicsLoss

MANY, ROUNDING = 4, 1e-9


def evaluation_times(integrator: Integrator, steps: int) -> list[float]:
    """The distinct τ at which `steps` sub-steps evaluate the field, sorted."""
    times: list[float] = []

    def field(z: Tensor, tau: Tensor) -> Tensor:
        times.append(tau.item())
        return z

    integrator.integrate(field, torch.zeros(1, 1, dtype=torch.float64), steps)
    return sorted(set(times))


def extrapolation(loss: DynamicsLoss, dynamics: Dynamics) -> str | None:
    """One line for a person where `dynamics` integrates a field beyond the times that `loss` trains; else None."""
    times, trained = _integrated(dynamics), loss.trained_times(dynamics)
    if trained is not None and (beyond := [t for t in times if all(abs(t - s) > ROUNDING for s in trained)]):
        return (
            f"the loss trains the velocity at τ = {_shown(trained)} only, but the integrator evaluates it at "
            f"τ = {_shown(beyond)} too: there it extrapolates; {loss.all_times} trains all times"
        )
    least: float | None = getattr(dynamics, "least_rest", None)
    if loss.fades and least and (late := [t for t in times if t > 1 - least + ROUNDING]):
        return (
            f"the integrator evaluates the velocity at τ = {_shown(late)}, where loss.metric=landed hardly trains it "
            f"and an error of the predicted end counts {1 / least:.0f} times; integrator=euler does not look there"
        )
    return None


def _integrated(dynamics: Dynamics) -> list[float]:
    """The τ at which a dynamics evaluates its field, by itself or in rollouts; none for one that has no field."""
    times: set[float] = set()
    for when in ("", "train_"):
        integrator, steps = getattr(dynamics, f"{when}integrator", None), getattr(dynamics, f"{when}substeps", None)
        if isinstance(integrator, Integrator) and isinstance(steps, int):
            times.update(evaluation_times(integrator, steps))
    return sorted(times)


def _shown(times: Sequence[float]) -> str:
    return ", ".join(f"{t:.4g}" for t in times[:MANY]) + (", …" if len(times) > MANY else "")

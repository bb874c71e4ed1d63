"""Whether an integrator evaluates the field at times at which the loss does not train it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wmzoo.integrators.base import Integrator
from wmzoo.losses.base import DynamicsLoss

MANY = 4


def evaluation_times(integrator: Integrator, steps: int) -> list[float]:
    """The distinct τ at which `steps` sub-steps evaluate the field, sorted."""
    times: list[float] = []

    def field(z: Tensor, tau: Tensor) -> Tensor:
        times.append(tau.item())
        return z

    integrator.integrate(field, torch.zeros(1, 1, dtype=torch.float64), steps)
    return sorted(set(times))


def extrapolation(loss: DynamicsLoss, dynamics: nn.Module) -> str | None:
    """One line for a person where `dynamics` integrates a field beyond the times that `loss` trains; else None."""
    if loss.trained_times is None:
        return None
    times = set()
    for when in ("", "train_"):
        integrator, steps = getattr(dynamics, f"{when}integrator", None), getattr(dynamics, f"{when}substeps", None)
        if isinstance(integrator, Integrator) and isinstance(steps, int):
            times.update(evaluation_times(integrator, steps))
    beyond = [t for t in sorted(times) if all(abs(t - s) > 1e-9 for s in loss.trained_times)]
    if not beyond:
        return None
    shown = ", ".join(f"{t:.4g}" for t in beyond[:MANY]) + (", …" if len(beyond) > MANY else "")
    trained = ", ".join(f"{t:g}" for t in loss.trained_times)
    return (
        f"the loss trains the velocity at τ = {trained} only, but the integrator evaluates it at τ = {shown} too: "
        f"there it extrapolates; loss.tau=uniform trains all times"
    )

"""How good the policy gradient is at a fixed policy: independent estimates of it, by horizon."""

from __future__ import annotations

import torch
from torch import Tensor

from wmzoo.diagnostics.scene import Figures, Scene
from wmzoo.pwm.algorithm import PWM
from wmzoo.pwm.esnr import cosine, esnr, moments
from wmzoo.pwm.parameters import frozen

Row = dict[str, float | int | None]
ESNR = {"value": "esnr", "low": "esnr_low", "high": "esnr_high", "decibels": "esnr_db"}
BESIDE = ("gradient_variance", "gradient_norm", "relative_deviation", "cosine", "nonfinite")


def measure(scene: Scene) -> Figures:
    """esnr {value, low, high, decibels}, gradient_variance, gradient_norm, relative_deviation, cosine and nonfinite,
    each a list over the horizons; nothing for an agent without a policy or critics."""
    if scene.agent.actor is None or scene.agent.critic is None:
        return {}
    task, drawn = scene.task(len(scene.states)), (scene.estimates, scene.batch, scene.draws)
    rows = [summary(*policy_gradients(scene.pwm, scene.states, h, *drawn, task)) for h in scene.horizons]
    figures: Figures = {"esnr": {name: [row[key] for row in rows] for name, key in ESNR.items()}}
    return figures | {name: [row[name] for row in rows] for name in BESIDE}


def policy_gradients(
    pwm: PWM,
    states: Tensor,
    horizon: int,
    count: int,
    batch: int,
    generator: torch.Generator,
    task: Tensor | None = None,
) -> tuple[Tensor, int]:
    """`count` independent gradients of the mean imagined return by the actor's parameters, and how many were dropped.

    Each comes from `batch` start states drawn from states[·,O] and policy noise of its own, before any clipping and
    without the scale of returns (it changes no ratio). Those that are not finite are dropped: [≤count, P], float32.
    task: int64 [·], whose each state is; None for an agent of one task.
    """
    parameters = [p for p in pwm.actor.parameters() if p.requires_grad]
    found = []
    for _ in range(count):
        rows = torch.randint(len(states), (batch,), generator=generator)
        chosen = states[rows].to(parameters[0].device)
        whose = None if task is None else task[rows].to(parameters[0].device)
        with frozen(pwm.model, pwm.critic):
            loss = -pwm.objective(pwm.imagine(chosen, horizon, whose)).mean()
            gradient = torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)
        flat = torch.cat([g.flatten() for g in gradient])
        if bool(flat.isfinite().all()):
            found.append(flat)
    return torch.stack(found) if found else torch.zeros(0, 0), count - len(found)


def summary(gradients: Tensor, dropped: int) -> Row:
    """ESNR with its interval, total variance, norm of the mean, relative deviation and cosine of gradients[N,P]."""
    gram = (gradients.double() @ gradients.double().T).cpu()
    found = esnr(gram)
    mean_square, variance = moments(gram)
    signal = max(mean_square - variance / len(gram), 0.0)  # ‖E g‖² without bias
    return {
        "esnr": found.value,
        "esnr_low": found.low,
        "esnr_high": found.high,
        "esnr_db": found.decibels,
        "gradient_variance": variance,
        "gradient_norm": signal**0.5,
        "relative_deviation": (variance / signal) ** 0.5 if signal > 0 else None,
        "cosine": cosine(gram),
        "estimates": len(gram),
        "nonfinite": dropped,
    }

"""Whether the model's gradients are right: those of imagined returns by the actions, beside the simulator's own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from wmzoo.agent.agent import Agent
from wmzoo.agent.rewards import in_task_units
from wmzoo.diagnostics.scene import Figures, Scene
from wmzoo.diagnostics.simulator_gradients import SimulatorGradients
from wmzoo.statistics import aggregates
from wmzoo.statistics.aggregates import Array
from wmzoo.statistics.bootstrap import Indices, estimate

SAMPLES = 32  # futures of a stochastic dynamics whose returns are averaged
REPETITIONS, SEED = 5000, 0  # of the bootstrap
NAMES = ("cosine", "norm_ratio", "sign_agreement")


def measure(scene: Scene) -> Figures:
    """gradient_accuracy {method, moments, and by horizon the figures of `accuracy`}; {why} where the simulator's
    gradients cannot be had; nothing where they were not asked for. method: analytic or differences."""
    truth = scene.simulated
    if not isinstance(truth, SimulatorGradients):
        return {} if truth is None else {"gradient_accuracy": {"why": truth}}
    device = scene.slices.obs.device
    obs, actions, task = truth.obs.to(device), truth.actions.to(device), scene.task(len(truth.obs))
    found = model_gradients(scene.agent, obs, actions, truth.horizons, truth.gamma, task, scene.draws)
    found = found[..., : truth.gradients.shape[3]].double().cpu()
    figures = {"method": truth.method, "moments": list(truth.moments), **accuracy(found, truth)}
    return {"gradient_accuracy": figures}


def model_gradients(
    agent: Agent,
    obs: Tensor,
    actions: Tensor,
    horizons: Sequence[int],
    gamma: float,
    task: Tensor | None,
    generator: torch.Generator,
) -> Tensor:
    """∂(Σ_{t<h} γ^t r̂_t)/∂a of the returns, in the task's units, that the model imagines from obs[S,O] along given
    actions[H,S,A], for each of the horizons: [h,S,H,A]. task: int64 [S]. generator: for a stochastic dynamics, of which
    the mean return of SAMPLES futures counts."""
    model, noise = agent.world_model, None
    if width := model.dynamics.noise_dim:
        noise = torch.randn(len(actions), SAMPLES * len(obs), width, generator=generator).to(obs)
    copies = SAMPLES if width else 1
    whose = None if task is None else task.repeat(copies)
    varied = actions.detach().clone().requires_grad_()
    given = model.mask(varied.repeat(1, copies, 1), whose)
    zs = model.dynamics.unroll(model.encode(obs, task).detach().repeat(copies, 1), given, model.embed(whose), noise)
    rewards = in_task_units(agent, model.reward_code.decode(model.reward(zs[:-1], given, whose)), whose)
    discounts = gamma ** torch.arange(len(actions), device=rewards.device).to(rewards).unsqueeze(1)
    returns = (discounts * rewards).cumsum(0).sum(1) / copies  # starts do not mix
    found = [torch.autograd.grad(returns[h - 1], varied, retain_graph=True)[0] for h in horizons]
    return torch.stack(found).transpose(1, 2)


class Agreement(NamedTuple):
    """Of each start [S]: the gradients' cosine, log(‖model‖/‖simulator‖), the share of equal signs among the entries
    that are not zero in the simulator; and whether any is not."""

    cosine: Tensor
    log_ratio: Tensor
    signs: Tensor
    known: Tensor


def agreement(model: Tensor, truth: Tensor) -> Agreement:
    """Of gradients [S,H,A]. A model's that is zero has the cosine 0."""
    model, truth = model.flatten(1), truth.flatten(1)
    there = truth != 0
    norms = [each.norm(dim=1) for each in (model, truth)]
    cosine = (model * truth).sum(1) / (norms[0] * norms[1]).clamp_min(torch.finfo(truth.dtype).tiny)
    signs = ((model.sign() == truth.sign()) & there).sum(1).double() / there.sum(1)
    return Agreement(cosine, (norms[0] / norms[1]).log(), signs, there.any(1))


def accuracy(model: Tensor, truth: SimulatorGradients) -> Figures:
    """Of the model's gradients [h,S,H,W], lists over the horizons:

    starts: how many count, whose episode lasts so long and whose true gradient is not zero. cosine, norm_ratio (the
    geometric mean) and sign_agreement {value, low, high}: means over episodes of their starts', with 95% intervals over
    episodes. Where the truth was taken by differences, rough: the share of their entries at which these disagree; and
    smooth: the three without the rough entries.
    """
    counted = truth.whole & (truth.gradients != 0).flatten(2).any(2)
    figures = {"starts": counted.sum(1).tolist(), **_compared(truth, model, truth.gradients)}
    if truth.rough is None:
        return figures
    columns = zip(truth.rough, counted, truth.horizons, strict=True)
    smooth = (torch.where(truth.rough, 0, gradients) for gradients in (model, truth.gradients))
    shares = [float(rough[which, :horizon].double().mean()) for rough, which, horizon in columns]
    return {**figures, "rough": shares, "smooth": _compared(truth, *smooth)}


def _compared(truth: SimulatorGradients, model: Tensor, gradients: Tensor) -> Figures:
    figures: Figures = {name: {end: [] for end in ("value", "low", "high")} for name in NAMES}
    for of_model, of_truth, whole in zip(model, gradients, truth.whole, strict=True):
        found = agreement(of_model, of_truth)
        counted = whole & found.known
        for name, values in zip(NAMES, found, strict=False):
            for end, value in _interval(values[counted].numpy(), truth.episodes[counted].numpy()).items():
                figures[name][end].append(float(np.exp(value) if name == "norm_ratio" else value))
    return figures


def _interval(values: Array, episodes: Indices) -> dict[str, float]:
    """The mean over episodes of their means; starts of one episode are not independent. NaN for none; a model without
    gradient has the logarithm −∞, between which and others nothing is interpolated."""
    if not len(values):
        return dict.fromkeys(("value", "low", "high"), math.nan)
    _, whose = np.unique(episodes, return_inverse=True)
    means = np.bincount(whose, values) / np.bincount(whose)
    found = estimate(aggregates.mean, [means], repetitions=REPETITIONS, seed=SEED, method="inverted_cdf")
    return {"value": float(found.value), "low": float(found.low), "high": float(found.high)}

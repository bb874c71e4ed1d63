"""How far open-loop predictions stray from what happened, measured against predicting no change."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from wmzoo.agent.world_model import WorldModel
from wmzoo.data.replay import Slices
from wmzoo.diagnostics.scene import Figures, Scene
from wmzoo.nets.simnorm import group

Scale = Callable[[Tensor], Tensor]


@torch.no_grad()
def measure(scene: Scene) -> Figures:
    """open_loop {step, the figures of `open_loop_by_step`, simplex_distance}: lists over the steps."""
    z, actions, task = scene.starts()
    model, cfg = scene.model, scene.agent.cfg
    zs = model.dynamics.unroll(z, model.mask(actions, task), model.embed(task))
    off = distance_from_simplex(zs, cfg.model.simnorm_dim).amax(1)
    whose = scene.task(scene.slices.actions.shape[1])
    scale = partial(scene.pwm.scale_reward, task=whose)
    by_step = open_loop_by_step(model, scene.slices, scale, cfg.recipe.gamma, whose)
    return {"open_loop": {"step": [*range(1, len(actions) + 1)], **by_step, "simplex_distance": off[1:].tolist()}}


@torch.no_grad()
def open_loop_by_step(
    model: WorldModel, slices: Slices, scale_reward: Scale, gamma: float = 1.0, task: Tensor | None = None
) -> dict[str, list[float]]:
    """Unroll the model along obs[H+1,B,O], actions[H,B,A], rewards[H,B], without correction on the way.

    Each figure is a list over the steps k = 1 … H:
        latent_error: `relative_errors` of z_k, of a stochastic dynamics those of its `mean_step` alone.
        reward_r2: the coefficient of determination of the reward decoded at step k, compared as the reward head learns
            it (`scale_reward`).
        return_error: root mean square error of Σ_{i<k} γ^i r_i, over the standard deviation of the true sums.
        latent_norm: mean ‖z_k‖.
    """
    encoded = model.encode(slices.obs, task)
    actions = model.mask(slices.actions, task)
    zs = model.dynamics.unroll(encoded[0], actions, model.embed(task))
    truth = model.reward_code.truth(scale_reward(slices.rewards))
    predicted = model.reward_code.decode(model.reward(zs[:-1], actions, task))
    discounts = gamma ** torch.arange(len(truth), device=truth.device).unsqueeze(1)
    sums, predicted_sums = (discounts * truth).cumsum(0), (discounts * predicted).cumsum(0)
    figures = {
        "latent_error": relative_errors(zs[1:], encoded),
        "reward_r2": 1 - (truth - predicted).square().sum(1) / (truth - truth.mean(1, keepdim=True)).square().sum(1),
        "return_error": (sums - predicted_sums).square().mean(1).sqrt() / sums.std(1, correction=0),
        "latent_norm": zs[1:].norm(dim=-1).mean(1),
    }
    return {name: figure.tolist() for name, figure in figures.items()}


def open_loop(
    model: WorldModel, slices: Slices, scale_reward: Scale, task: Tensor | None, draws: torch.Generator
) -> dict[str, float]:
    """`latent_error_first` and `latent_error_last`, after one step and after H, and `reward_r2_last`, at the last; of a
    stochastic dynamics also `sample_error_first` and `sample_error_last`, of rollouts as in imagination, with noise
    from `draws`, which is drawn from for these alone."""
    by_step = open_loop_by_step(model, slices, scale_reward, task=task)
    figures = {
        "latent_error_first": by_step["latent_error"][0],
        "latent_error_last": by_step["latent_error"][-1],
        "reward_r2_last": by_step["reward_r2"][-1],
    }
    if model.dynamics.noise_dim:
        errors = sample_errors(model, slices, task, draws)
        figures |= {"sample_error_first": errors[0].item(), "sample_error_last": errors[-1].item()}
    return figures


@torch.no_grad()
def sample_errors(model: WorldModel, slices: Slices, task: Tensor | None, draws: torch.Generator) -> Tensor:
    """`relative_errors` [H] of one sampled rollout of every slice, obs[H+1,B,O] and actions[H,B,A]."""
    encoded, actions = model.encode(slices.obs, task), model.mask(slices.actions, task)
    noise = torch.randn((*actions.shape[:2], model.dynamics.noise_dim), generator=draws).to(encoded)
    return relative_errors(model.dynamics.unroll(encoded[0], actions, model.embed(task), noise)[1:], encoded)


def relative_errors(zs: Tensor, encoded: Tensor) -> Tensor:
    """Of zs[H,B,D] against encoded[H+1,B,D], the true latents from the start on, [H]:
    Σ‖z_k − E(obs_k)‖² / Σ‖E(obs_k) − E(obs_0)‖², where 1 is as bad as predicting no change."""
    errors = (zs - encoded[1:]).square().sum((1, 2))
    return errors / (encoded[1:] - encoded[0]).square().sum((1, 2))


def distance_from_simplex(z: Tensor, size: int) -> Tensor:
    """z[..., D] -> [...]: the largest of |Σ z − 1| over the simplices of `size` and of how far an entry is below 0."""
    groups = group(z, size)
    off = (groups.sum(-1) - 1).abs().amax(-1)
    below: Tensor = (-groups).clamp_min(0).amax((-2, -1))
    return torch.maximum(off, below)

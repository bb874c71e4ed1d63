"""The algorithm of a composed config."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import torch
from omegaconf import DictConfig
from torch import Tensor
from torch.func import functional_call

from wmzoo.agent.agent import Agent
from wmzoo.compute.device import precision_of
from wmzoo.compute.distributed import ALONE, World
from wmzoo.compute.rng import initialising, stream
from wmzoo.config.added import added, without_additions
from wmzoo.config.recipe import Recipe
from wmzoo.dynamics.base import Dynamics
from wmzoo.errors import WmzooError
from wmzoo.losses.base import DynamicsLoss
from wmzoo.losses.terms import SumLoss
from wmzoo.nets.critic import CriticEnsemble
from wmzoo.pwm.algorithm import PWM
from wmzoo.pwm.disagreement import Disagreement
from wmzoo.registry import build_from


def build_loss(
    cfg: DictConfig, streams: dict[str, torch.Generator], world: World = ALONE, critic: CriticEnsemble | None = None
) -> DynamicsLoss:
    """The dynamics loss with what is added to it. Random numbers come from the stream `tau`, those of the terms from
    `terms`, which is added to the others where it is needed: a term changes no draw of the loss.

    critic: whose values a loss may compare latents by.
    """
    loss: DynamicsLoss = build_from("loss", without_additions(cfg), generator=streams["tau"])
    terms = added(cfg)
    if terms:
        streams.setdefault("terms", stream(cfg.seed, "terms"))
    made = [(term, build_from("loss", term.node, generator=streams["terms"])) for term in terms]
    for part in (loss, *(built for _, built in made)):
        part.world, part.value = world, None if critic is None else partial(_values, critic)
    return SumLoss(loss, [(term.name, term.weight, built) for term, built in made]) if made else loss


def _values(critic: CriticEnsemble, z: Tensor) -> Tensor:
    """z[..., D] -> values [E, ...]; the critics' weights are constants."""
    weights = {name: parameter.detach() for name, parameter in critic.named_parameters()}
    values: Tensor = functional_call(critic, weights, (z,))
    return values


def build_pwm(
    cfg: DictConfig,
    agent: Agent,
    streams: dict[str, torch.Generator],
    compiled: bool = False,
    world: World = ALONE,
    teacher: Dynamics | None = None,
    from_data: bool = False,
) -> PWM:
    """The algorithm on an agent, with the loss of the config; for a few updates it does not pay to compile them.
    WmzooError for a loss that asks for what this dynamics, or this training, does not have.

    A stochastic dynamics draws from the stream `chance`, which is added to the others where it is needed. from_data:
    whether a policy is learned from data, whose ends are then told by networks of their own.
    """
    recipe = Recipe.of(cfg.recipe)
    if cfg.trainer.get("finetune_lr") is not None:
        recipe = replace(recipe, model_lr=cfg.trainer.finetune_lr)
    if agent.world_model.dynamics.noise_dim:
        streams.setdefault("chance", stream(cfg.seed, "chance"))
    device = next(agent.parameters()).device
    disagreement = None
    if from_data and recipe.disagreement_heads:
        with initialising(cfg.seed, "disagreement"):
            disagreement = Disagreement(recipe.disagreement_heads, cfg.model.latent_dim, agent.act_dim).to(device)
    loss = build_loss(cfg, streams, world, agent.critic)
    loss.check(agent.world_model.dynamics)
    how = (cfg.on_nonfinite, precision_of(cfg, device), compiled, world, teacher, disagreement)
    pwm = PWM(agent, loss, recipe, streams, *how)
    if pwm.balance is not None and not loss.takes_weights:
        raise WmzooError(
            f"loss '{cfg.loss.name}' takes no `weights` of rows in `rollout`, by which tasks of one model are "
            f"balanced: recipe.task_balance=0 trains without"
        )
    return pwm

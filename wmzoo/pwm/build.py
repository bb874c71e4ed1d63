"""The algorithm of a composed config."""

from __future__ import annotations

from dataclasses import replace

import torch
from omegaconf import DictConfig

from wmzoo.agent.agent import Agent
from wmzoo.compute.device import precision_of
from wmzoo.compute.distributed import ALONE, World
from wmzoo.compute.rng import stream
from wmzoo.config.recipe import Recipe
from wmzoo.losses.base import DynamicsLoss
from wmzoo.pwm.algorithm import PWM
from wmzoo.registry import build_from


def build_loss(cfg: DictConfig, generator: torch.Generator | None = None, world: World = ALONE) -> DynamicsLoss:
    """The dynamics loss; one that draws random numbers draws them from `generator`, else from the stream `tau`."""
    loss: DynamicsLoss = build_from("loss", cfg.loss, generator=generator or stream(cfg.seed, "tau"))
    loss.world = world
    return loss


def build_pwm(
    cfg: DictConfig, agent: Agent, streams: dict[str, torch.Generator], compiled: bool = False, world: World = ALONE
) -> PWM:
    """The algorithm on an agent, with the loss of the config; for a few updates it does not pay to compile them.

    A stochastic dynamics draws from the stream `chance`, which is added to the others where it is needed.
    """
    recipe = Recipe.of(cfg.recipe)
    if cfg.trainer.get("finetune_lr") is not None:
        recipe = replace(recipe, model_lr=cfg.trainer.finetune_lr)
    if agent.world_model.dynamics.noise_dim:
        streams.setdefault("chance", stream(cfg.seed, "chance"))
    device = next(agent.parameters()).device
    how = (cfg.on_nonfinite, precision_of(cfg, device), compiled, world)
    return PWM(agent, build_loss(cfg, streams["tau"], world), recipe, streams, *how)

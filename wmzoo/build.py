"""The one place where a composed config becomes objects."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from wmzoo.agent import Agent
from wmzoo.arithmetic import compiles, device_of, precision_of
from wmzoo.data.sampler import SliceSampler
from wmzoo.data.shards import Shards
from wmzoo.distributed import world
from wmzoo.envs.base import VectorEnv
from wmzoo.errors import WmzooError
from wmzoo.evaluation import evaluate
from wmzoo.init_from import init_from
from wmzoo.losses.base import DynamicsLoss
from wmzoo.losses.extrapolation import extrapolation
from wmzoo.nets import Actor, CriticEnsemble, RewardCode, ScalarCode, SimNorm, TwoHotCode, mlp
from wmzoo.normalise import RunningMoments
from wmzoo.parity import matched_units
from wmzoo.pwm import PWM, PWMSettings
from wmzoo.registry import build_from, get
from wmzoo.rng import initialising, seed_of, stream
from wmzoo.trainers.base import Recorder, Trainer
from wmzoo.world_model import TaskEmbedding, WorldModel

BASELINE, MATCH = "mlp", "match"
STREAMS = ("imagination", "minibatch", "exploration", "starts", "replay", "diagnostics", "tau")  # of a training
log = logging.getLogger("wmzoo")


def build_dynamics(cfg: DictConfig, act_dim: int) -> torch.nn.Module:
    """The dynamics of the config. The integrator goes to those whose constructor takes one."""
    if cfg.dynamics.get("units") == MATCH:
        cfg = with_matched_units(cfg, act_dim)
    module: torch.nn.Module = build_from(
        "dynamics",
        cfg.dynamics,
        latent_dim=cfg.model.latent_dim,
        action_dim=act_dim,
        task_dim=cfg.model.task_dim if cfg.model.num_tasks else 0,
        integrator=build_from("integrator", cfg.integrator),
    )
    return module


def baseline(cfg: DictConfig) -> DictConfig:
    """The config with the dynamics that all others are measured against: `mlp` with its loss, at the same size."""
    cfg, entry = cfg.copy(), get("dynamics", BASELINE)
    loss = str(entry.facts["default_loss"])
    cfg.dynamics, cfg.loss = {"name": BASELINE, **entry.params}, {"name": loss, **get("loss", loss).params}
    return cfg


def with_matched_units(cfg: DictConfig, act_dim: int) -> DictConfig:
    """The config with the width in the place of `dynamics.units=match`: see parity.py."""

    def parameters(cfg: DictConfig) -> int:
        with torch.device("meta"):  # counted, not allocated
            return sum(p.numel() for p in build_dynamics(cfg, act_dim).parameters())

    def count(units: list[int]) -> int:
        cfg.dynamics.units = units
        return parameters(cfg)

    target, cfg = parameters(baseline(cfg)), cfg.copy()
    cfg.dynamics.units = matched_units(count, list(cfg.model.units), target)
    return cfg


def build_agent(cfg: DictConfig, obs_dim: int, act_dim: int) -> Agent:
    """Every part drawn from a random stream of its own: with one seed, variants share all parts but the dynamics.

    A config in which `actor` or `critic` is null makes an agent without.
    """
    size, activation = cfg.model, cfg.recipe.activation

    def part(name: str, make: Callable[[], Any]) -> Any:
        with initialising(cfg.seed, name):
            return make()

    task_dim = size.task_dim if size.num_tasks else 0
    code: RewardCode = ScalarCode() if size.num_bins <= 1 else TwoHotCode(size.num_bins, size.bin_range, size.symexp)
    world_model = WorldModel(
        encoder=part(
            "encoder",
            lambda: mlp(
                obs_dim + task_dim,
                size.encoder_units,
                size.latent_dim,
                activation,
                last=SimNorm(size.simnorm_dim),
            ),
        ),
        dynamics=part("dynamics", lambda: build_dynamics(cfg, act_dim)),
        reward_head=part(
            "reward_head",
            lambda: mlp(size.latent_dim + act_dim + task_dim, size.units, code.width, activation),
        ),
        reward_code=code,
        task_embedding=part("task_embedding", lambda: TaskEmbedding(size.num_tasks, task_dim)) if task_dim else None,
        action_masks=_action_masks(size, act_dim),
        observation_moments=RunningMoments(obs_dim) if cfg.recipe.get("normalise_obs") else None,
    )
    actor, critic = None, None  # of a model alone
    if cfg.actor is not None:
        actor = part("actor", lambda: Actor(size.latent_dim, act_dim, cfg.actor.units))
    if cfg.critic is not None:
        critic = part("critic", lambda: CriticEnsemble(size.latent_dim, cfg.critic.units, cfg.critic.num))
    return Agent(world_model, actor, critic, cfg, obs_dim, act_dim)


def _action_masks(size: DictConfig, act_dim: int) -> torch.Tensor | None:
    """[N,A], 1 for the actions that each task has; None where `model.action_dims` is null."""
    if size.action_dims is None:
        return None
    dims = list(size.action_dims)
    if len(dims) != size.num_tasks or not all(1 <= dim <= act_dim for dim in dims):
        raise WmzooError(
            f"model.action_dims={dims}: one number from 1 to {act_dim} is needed for each of "
            f"model.num_tasks={size.num_tasks} tasks"
        )
    return (torch.arange(act_dim) < torch.tensor(dims).unsqueeze(1)).float()


def build_env(cfg: DictConfig, num_envs: int | None = None) -> VectorEnv:
    """The config's environments; `num_envs` other than the config's for evaluation."""
    env: VectorEnv = build_from("env", {**cfg.env, "num_envs": cfg.env.num_envs if num_envs is None else num_envs})
    return env


def settle_tasks(cfg: DictConfig, source: VectorEnv | Shards) -> None:
    """Put the tasks of the environment or of the data into the config, so that a checkpoint has them. One task leaves
    it as it is.

    WmzooError where the config names others.
    """
    if source.action_dims is None:
        return
    where = "the data" if isinstance(source, Shards) else f"env={cfg.env.name}"
    for key, value in {"num_tasks": len(source.action_dims), "action_dims": list(source.action_dims)}.items():
        if cfg.model[key] and cfg.model[key] != value:
            raise WmzooError(f"model.{key}={cfg.model[key]}, but {where} has {value}: leave it out")
        cfg.model[key] = value
    if not cfg.model.task_dim:
        raise WmzooError(f"{where} needs a width of the task embedding: model.task_dim=96")


def evaluation_seed(cfg: DictConfig) -> int:
    """The seed of every evaluation of a run: the same initial states each time."""
    return seed_of(cfg.seed, "evaluation")


def build_loss(cfg: DictConfig, generator: torch.Generator | None = None) -> DynamicsLoss:
    """The dynamics loss; one that draws random numbers draws them from `generator`, else from the stream `tau`."""
    loss: DynamicsLoss = build_from("loss", cfg.loss, generator=generator or stream(cfg.seed, "tau"))
    return loss


def build_pwm(cfg: DictConfig, agent: Agent, streams: dict[str, torch.Generator], compiled: bool = False) -> PWM:
    """The algorithm on an agent, with the loss of the config; for a few updates it does not pay to compile them."""
    settings = PWMSettings.of(cfg.recipe)
    if cfg.trainer.get("finetune_lr") is not None:
        settings = replace(settings, model_lr=cfg.trainer.finetune_lr)
    device = next(agent.parameters()).device
    how = (cfg.on_nonfinite, precision_of(cfg, device), compiled)
    return PWM(agent, build_loss(cfg, streams["tau"]), settings, streams, *how)


def _check_memory(cfg: DictConfig, obs_dim: int, act_dim: int) -> None:
    """WmzooError for weights (with gradients and Adam's moments) and a replay that this machine cannot hold."""
    with torch.device("meta"):  # counted, not allocated
        weights = build_agent(cfg, obs_dim, act_dim).parameter_counts()["total"]
    rows = int(OmegaConf.select(cfg, "trainer.buffer_size", default=0))
    needed = 4 * (4 * weights + rows * (obs_dim + act_dim + 3))
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > there:
        raise WmzooError(
            f"{weights:,} weights and a replay of {rows:,} rows need {needed / 2**30:,.0f} GiB, this machine has "
            f"{there / 2**30:,.0f}: take a smaller size=, model.units or trainer.buffer_size"
        )


def build_data(cfg: DictConfig) -> Shards:
    """The data set of `data.dir`; WmzooError where none is given or it is not one."""
    if cfg.data.dir is None:
        raise WmzooError(f"trainer={cfg.trainer.name} learns from data: data.dir=FOLDER, as `wmzoo data convert` makes")
    return Shards(cfg.data.dir)


def build_trainer(cfg: DictConfig, recorder: Callable[[Agent], Recorder]) -> Trainer:
    """Environments or data, agent, algorithm and trainer. `recorder` is told the agent whose run it records.

    What is settled on the way (widths, tasks, parts that are not there) is put into `cfg`, so that checkpoints have it.
    """
    device, needed = device_of(cfg), get("trainer", cfg.trainer.name).needs
    data = build_data(cfg) if "data" in needed else None
    env = build_env(cfg) if "env" in needed else None
    eval_env = build_env(cfg, cfg.eval.episodes) if "policy" in needed else None
    source = env or eval_env or data
    assert source is not None, "a trainer needs env, data or policy"
    settle_tasks(cfg, source)
    obs_dim, act_dim = source.obs_dim, source.act_dim
    if "policy" not in needed:
        cfg.actor = cfg.critic = None
    if cfg.dynamics.get("units") == MATCH:
        cfg.dynamics.units = with_matched_units(cfg, act_dim).dynamics.units
        log.warning("dynamics.units=match: %s", list(cfg.dynamics.units))
    _check_memory(cfg, obs_dim, act_dim)
    agent = build_agent(cfg, obs_dim, act_dim).to(device)
    extracts = needed >= {"data", "policy"}  # a policy, inside a model that is there
    if cfg.init_from is not None:
        log.warning(init_from(agent, cfg.init_from, whole_model=extracts))
    elif extracts:
        raise WmzooError(f"trainer={cfg.trainer.name} learns inside a pretrained model: init_from=RUN")
    streams = {name: stream(cfg.seed, name) for name in STREAMS}
    compiled = compiles(cfg, device)
    if compiled:
        log.warning("compile=%s: the first updates are slow, torch.compile takes them apart", str(cfg.compile).lower())
    pwm = build_pwm(cfg, agent, streams, compiled)
    if warning := extrapolation(pwm.loss, agent.world_model.dynamics):
        log.warning(warning)
    parts: dict[str, Any] = {"agent": agent, "pwm": pwm, "recorder": recorder(agent), "streams": streams}
    parts |= {"eval_every": cfg.eval.every, "save_every": cfg.save.every}
    if env is not None:
        parts |= {"env": env, "seed": seed_of(cfg.seed, "environments")}
    if eval_env is not None:
        parts["evaluate"] = lambda: evaluate(agent, eval_env, evaluation_seed(cfg))
    if data is not None:
        parts |= {"world": world(), **_samplers(cfg, data, streams, held_out="policy" not in needed)}
    trainer: Trainer = build_from("trainer", cfg.trainer, **parts)
    return trainer


def _samplers(
    cfg: DictConfig, data: Shards, streams: dict[str, torch.Generator], held_out: bool
) -> dict[str, SliceSampler]:
    """Of all the data, or of what is left of it when some is held out, and that."""
    if not held_out:
        return {"data": SliceSampler(data, streams["replay"], cfg.data.tasks or cfg.env.get("only"))}
    return {
        "data": SliceSampler(data, streams["replay"], cfg.data.tasks, part="train"),
        "held_out": SliceSampler(data, streams["diagnostics"], cfg.data.tasks, part="held_out"),
    }

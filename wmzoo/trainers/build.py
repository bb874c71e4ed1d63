"""From a composed config to a trainer with all its parts."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from wmzoo.agent.agent import Agent
from wmzoo.agent.build import MATCH, build_agent, with_matched_units
from wmzoo.agent.init_from import init_from
from wmzoo.agent.load import load
from wmzoo.checkpoints.find import pinned
from wmzoo.checkpoints.weights import check_savable
from wmzoo.compute.device import compiles, device_of
from wmzoo.compute.distributed import world
from wmzoo.compute.rng import seed_of, stream
from wmzoo.data.sampler import SliceSampler
from wmzoo.data.shards import Shards
from wmzoo.envs.base import VectorEnv
from wmzoo.envs.build import build_env, evaluation_seed
from wmzoo.errors import WmzooError, one_line
from wmzoo.evaluation.episodes import evaluate
from wmzoo.losses.extrapolation import extrapolation
from wmzoo.pwm.build import build_loss, build_pwm
from wmzoo.pwm.esnr import WINDOW
from wmzoo.registry import build_from, get
from wmzoo.trainers.base import Recorder, Trainer
from wmzoo.trainers.same_task import check_same, check_told, learned_tasks

STREAMS = ("imagination", "minibatch", "exploration", "starts", "replay", "diagnostics", "tau")  # of a training
FROM_DATA = ("recipe.disagreement_penalty", "recipe.bc_alpha")  # keys that only a policy from data follows
log = logging.getLogger("wmzoo")


def settled(cfg: DictConfig, source: VectorEnv | Shards) -> DictConfig:
    """The config with what the environment or the data decide, so that a checkpoint has it: the tasks, where there are
    several, and no termination head where no step can end an episode (or the data tell of none).

    WmzooError where the config names other tasks.
    """
    cfg = cfg.copy()
    if cfg.recipe.get("termination") and not source.terminates:
        cfg.recipe.termination = False
    if source.action_dims is None or len(source.action_dims) == 1:  # a set of one task is one task
        return cfg
    where = "the data" if isinstance(source, Shards) else f"env={cfg.env.name}"
    for key, value in {"num_tasks": len(source.action_dims), "action_dims": list(source.action_dims)}.items():
        if cfg.model[key] and cfg.model[key] != value:
            raise WmzooError(f"model.{key}={cfg.model[key]}, but {where} has {value}: leave it out")
        cfg.model[key] = value
    if not cfg.model.task_dim:
        raise WmzooError(f"{where} needs a width of the task embedding: model.task_dim=96")
    return cfg


def _check_memory(cfg: DictConfig, obs_dim: int, act_dim: int) -> None:
    """WmzooError for what a training holds, of which this machine does not have the memory.

    Weights, their gradients, Adam's two moments, and on resume the weights as they were saved; the actor's average and
    its last gradients, for their signal-to-noise ratio; and the replay, once: it is saved and loaded a piece at a time.
    """
    with torch.device("meta"):  # counted, not allocated
        counts = build_agent(cfg, obs_dim, act_dim).parameter_counts()
    weights, rows = counts["total"], int(OmegaConf.select(cfg, "trainer.buffer_size", default=0))
    needed = 4 * (5 * weights + (1 + WINDOW) * counts.get("actor", 0) + rows * (obs_dim + act_dim + 3))
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > there:
        raise WmzooError(
            f"{weights:,} weights and a replay of {rows:,} rows need {needed / 2**30:,.0f} GiB, this machine has "
            f"{there / 2**30:,.0f}: take a smaller size=, model.units or trainer.buffer_size"
        )


def check_given(cfg: DictConfig) -> None:
    """WmzooError where the config's trainer needs data, or a trained model, and none is named, or is told of data that
    it has not; and for parameters that the loss does not take, which is built from nothing else."""
    needed = get("trainer", cfg.trainer.name).needs
    if "data" in needed and cfg.data.dir is None:
        raise WmzooError(f"trainer={cfg.trainer.name} learns from data: data.dir=FOLDER, as `wmzoo data convert` makes")
    only = [key for key in FROM_DATA if OmegaConf.select(cfg, key)]
    if only and "env" in needed:
        raise WmzooError(f"{only[0]} is of policies learned from data: trainer={cfg.trainer.name} acts by itself")
    if cfg.init_from is None and ("teacher" in needed or extracts(needed)):
        raise WmzooError(f"trainer={cfg.trainer.name} learns inside a model that was trained: init_from=RUN")
    try:
        build_loss(cfg, {"tau": torch.Generator()})
    except ValueError as error:
        raise WmzooError(one_line(error)) from error


def build_trainer(cfg: DictConfig, recorder: Callable[[Agent], Recorder]) -> tuple[Trainer, DictConfig]:
    """Environments or data, agent, algorithm and trainer. `recorder` is told the agent whose run it records.

    Also gives the config with what was settled on the way (widths, tasks, parts that are not there): the run's, and
    that of its checkpoints.
    """
    device, needed = device_of(cfg), get("trainer", cfg.trainer.name).needs
    data = Shards(cfg.data.dir) if "data" in needed else None
    env = build_env(cfg) if "env" in needed else None
    eval_env = build_env(cfg, cfg.eval.episodes) if "policy" in needed else None
    teacher = load(cfg.init_from).requires_grad_(False).to(device) if "teacher" in needed else None
    source = env or eval_env or data
    assert source is not None, "a trainer needs env, data or policy"
    cfg = settled(cfg, data or source)  # extraction learns from data alone
    if played := eval_env or env:
        check_told(cfg, played, data.index if data else None)
    if data is not None and eval_env is not None:
        check_same(cfg, eval_env, data.index)
    obs_dim, act_dim = source.obs_dim, source.act_dim
    if "policy" not in needed and (teacher is None or teacher.actor is None):
        cfg.actor = cfg.critic = None
    if cfg.dynamics.get("units") == MATCH:
        cfg.dynamics.units = with_matched_units(cfg, act_dim).dynamics.units
        log.warning("dynamics.units=match: %s", list(cfg.dynamics.units))
    _check_memory(cfg, obs_dim, act_dim)
    agent = build_agent(cfg, obs_dim, act_dim).to(device)
    check_savable(agent)
    if cfg.init_from is not None:
        cfg.init_from = pinned(cfg.init_from)
        log.warning(init_from(agent, cfg.init_from, **_taken_over(cfg)))
    streams = {name: stream(cfg.seed, name) for name in STREAMS}
    compiled = compiles(cfg, device)
    if compiled:
        log.warning("compile=%s: the first updates are slow, torch.compile takes them apart", str(cfg.compile).lower())
    taught = None if teacher is None else teacher.world_model.dynamics
    pwm = build_pwm(cfg, agent, streams, compiled, world(), taught, extracts(needed))
    if warning := extrapolation(pwm.loss, agent.world_model.dynamics):
        log.warning(warning)
    parts: dict[str, Any] = {"agent": agent, "pwm": pwm, "recorder": recorder(agent), "streams": streams}
    parts |= {"eval_every": cfg.eval.every, "save_every": cfg.save.every}
    if env is not None:
        parts |= {"env": env, "seed": seed_of(cfg.seed, "environments")}
    if eval_env is not None:
        parts["evaluate"] = lambda: evaluate(agent, eval_env, evaluation_seed(cfg))
    if teacher is not None:
        parts["teacher"] = teacher
    if data is not None:
        parts |= _samplers(cfg, data, streams, held_out="policy" not in needed)
    trainer: Trainer = build_from("trainer", cfg.trainer, **parts)
    return trainer, cfg


def extracts(needed: Collection[str]) -> bool:
    """Whether a trainer that needs these learns a policy from data, inside a model that is there."""
    return {"data", "policy"} <= {*needed}


def _taken_over(cfg: DictConfig) -> dict[str, Collection[str]]:
    """What `init_from` is told: what need not fit, and what may differ."""
    needed = get("trainer", cfg.trainer.name).needs
    if "teacher" in needed:
        return {"may_lack": ("dynamics",), "allow": ("dynamics", "integrator")}
    return {"may_lack": ("actor", "critic")} if extracts(needed) else {"allow": cfg.init_from_allow}


def _samplers(
    cfg: DictConfig, data: Shards, streams: dict[str, torch.Generator], held_out: bool
) -> dict[str, SliceSampler]:
    """Of all the data, or of what is left of it when some is held out, and that."""
    if not held_out:
        return {"data": SliceSampler(data, streams["replay"], learned_tasks(cfg))}
    return {
        "data": SliceSampler(data, streams["replay"], cfg.data.tasks, part="train"),
        "held_out": SliceSampler(data, streams["diagnostics"], cfg.data.tasks, part="held_out"),
    }

"""What an iteration costs, beside one of the mlp on the same machine at the same time."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from omegaconf import DictConfig

from wmzoo.agent.build import baseline
from wmzoo.compute.device import arithmetic
from wmzoo.compute.rng import stream
from wmzoo.diagnostics.cost import Contender, Say, compare
from wmzoo.envs.base import VectorEnv
from wmzoo.envs.build import build_env
from wmzoo.trainers.build import settled


@dataclass(frozen=True)
class Cost:
    """seconds, baseline_seconds: of an iteration, with the steps of its environments. parameters: of the dynamics."""

    seconds: float
    baseline_seconds: float
    parameters: int
    baseline_parameters: int

    @property
    def ratio(self) -> float:
        """How many iterations of the mlp take as long as one."""
        return self.seconds / self.baseline_seconds


def measured(cfg: DictConfig, say: Say) -> Cost:
    """Of a composed config, whose environments are built for it. That of `dynamics=mlp` is measured once."""
    env = build_env(cfg)
    try:
        cfg = settled(cfg, env)
        with arithmetic(cfg):
            acting = seconds_of_acting(env, cfg.trainer.horizon, cfg.seed)
            contender, other = (Contender(each, env.obs_dim, env.act_dim) for each in (cfg, baseline(cfg)))
            rows = compare(contender, other, say)
    finally:
        env.close()
    seconds = {who: acting + ms / 1000 for who, ms in rows["ms of updates per iteration"].items()}
    if cfg.dynamics == baseline(cfg).dynamics and cfg.loss.name == baseline(cfg).loss.name:
        seconds["contender"] = seconds["baseline"]  # itself: what is left is noise
    sizes = {who: int(count) for who, count in rows["parameters: dynamics"].items()}
    return Cost(seconds["contender"], seconds["baseline"], sizes["contender"], sizes["baseline"])


def seconds_of_acting(env: VectorEnv, horizon: int, seed: int) -> float:
    """What so many steps of all environments take, with random actions, after as many that are not counted."""
    env.reset(seed)
    draws = stream(seed, "bench/actions")
    began = 0.0
    for step in range(2 * horizon):
        if step == horizon:
            began = time.perf_counter()
        env.step(2 * torch.rand(env.num_envs, env.act_dim, generator=draws) - 1)
    return time.perf_counter() - began

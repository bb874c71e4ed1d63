"""The environments of a composed config."""

from __future__ import annotations

from omegaconf import DictConfig

from wmzoo.compute.rng import seed_of
from wmzoo.envs.base import VectorEnv
from wmzoo.registry import build_from


def build_env(cfg: DictConfig, num_envs: int | None = None) -> VectorEnv:
    """The config's environments; `num_envs` other than the config's for evaluation."""
    env: VectorEnv = build_from("env", {**cfg.env, "num_envs": cfg.env.num_envs if num_envs is None else num_envs})
    return env


def evaluation_seed(cfg: DictConfig) -> int:
    """The seed of every evaluation of a run: the same initial states each time."""
    return seed_of(cfg.seed, "evaluation")

"""A study of two arms that is over in seconds."""

from __future__ import annotations

from pathlib import Path

import pytest

SPEC = """
title: Two arms
overrides: [size=tiny, trainer.horizon=4, env.num_envs=4, env.episode_length=10, eval.episodes=1, eval.every=4,
  recipe.warmup_steps=80, recipe.pretrain_updates=1, recipe.model_updates=1, recipe.actor_updates=1, save.every=1,
  recipe.model_horizon=4, recipe.imagination_horizon=4,
  trainer.iterations=4, device=cpu, threads=1]
arms: {mlp: [dynamics=mlp], flow: [dynamics=flow, dynamics.units=match]}
tasks: {pendulum: [env=pendulum_swingup]}
seeds: [0, 1]
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    (tmp_path / "two_arms.yaml").write_text(SPEC)
    return tmp_path / "two_arms.yaml"

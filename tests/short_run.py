"""Overrides of a run that is over in seconds; a test adds its task, and how many iterations it wants."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

SHORT_RUN = ["size=tiny", "trainer.horizon=4", "env.num_envs=4", "env.episode_length=10", "device=cpu", "threads=1"]
SHORT_RUN += ["recipe.warmup_steps=80", "recipe.pretrain_updates=1", "recipe.model_updates=1", "recipe.actor_updates=1"]
SHORT_RUN += ["recipe.model_horizon=4", "recipe.imagination_horizon=4", "recipe.rollouts=16"]


@contextmanager
def without_video() -> Iterator[None]:
    """Within it runs of this process end without a video, which takes longer than they do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wmzoo.runs.train.why_no_video", lambda cfg: "this is a test")
        yield

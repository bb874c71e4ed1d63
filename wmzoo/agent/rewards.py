"""Predicted rewards in the units of the task."""

from __future__ import annotations

from torch import Tensor

from wmzoo.agent.agent import Agent


def in_task_units(agent: Agent, reward: Tensor, task: Tensor | None = None) -> Tensor:
    """Decoded rewards [..., B] of `world_model.step`, in the environment's units: the way back from the scaling by
    which the head learned them (recipe.reward_scale). What was clipped there stays so, and with model.symexp=false it
    is their symlog."""
    scale = agent.cfg.recipe.reward_scale
    if scale == "none":
        return reward
    mean, std = agent.world_model.reward_moments.of(reward, task)
    return reward * std + mean if scale == "mean_std" else reward * std

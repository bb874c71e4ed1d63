"""Predicted rewards in the units of the task."""

from __future__ import annotations

from torch import Tensor

from wmzoo.agent.agent import Agent


def in_task_units(agent: Agent, reward: Tensor) -> Tensor:
    """Decoded rewards [...] of `world_model.step`, in the environment's units: the way back from the scaling by which
    the head learned them (recipe.reward_scale). What was clipped there stays so, and with model.symexp=false it is
    their symlog."""
    moments, scale = agent.world_model.reward_moments, agent.cfg.recipe.reward_scale
    if scale != "none":
        reward = reward * moments.std.to(reward)
    return reward + moments.mean.to(reward) if scale == "mean_std" else reward

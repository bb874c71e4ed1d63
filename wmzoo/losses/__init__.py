"""Dynamics losses: how a rollout of the dynamics is held against what happened."""

from wmzoo.losses.base import DynamicsLoss

__all__ = ["DynamicsLoss"]

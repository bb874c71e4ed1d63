"""Environments: many copies of one task behind a single batched torch interface."""

from wmzoo.envs.base import Transition, VectorEnv

__all__ = ["Transition", "VectorEnv"]

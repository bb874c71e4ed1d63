"""Configs for tests that want the same one many times."""

from __future__ import annotations

from functools import cache

from omegaconf import DictConfig

from wmzoo.config.composition import compose


def composed(*overrides: str) -> DictConfig:
    """A config of the caller's own, composed once for all who ask: composing takes longer than many a test."""
    return _composed(overrides).copy()


@cache
def _composed(overrides: tuple[str, ...]) -> DictConfig:
    return compose(overrides)

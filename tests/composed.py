"""Configs for tests: composing one anew takes longer than many a test."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig

from wmzoo.config import composition
from wmzoo.registry import catalogue

composed_by_hydra = composition._compose
_kept: dict[tuple[str, ...], DictConfig] = {}


def composed(*overrides: str) -> DictConfig:
    """A config of the caller's own, composed once for all who ask."""
    return copy.deepcopy(_composed(overrides))


@cache
def _composed(overrides: tuple[str, ...]) -> DictConfig:
    return composition.compose(overrides)


def composed_from_kept_choices(overrides: list[str]) -> DictConfig:
    """What Hydra composes. It merges the files of the same choices once; plain keys are then set as it sets them.

    Whatever else is typed, and what cannot be set, is left to Hydra.
    """
    names = [re.match(r"(?!hydra\.)([a-z_]\w*(?:\.\w+)*)=", text) for text in overrides]
    if not all(names):
        return composed_by_hydra(overrides)
    chosen = [bool(name and name[1] in composition.GROUPS) for name in names]
    choices = [text for text, choice in zip(overrides, chosen, strict=True) if choice]
    key = (*choices, repr(catalogue._catalogue()))
    if key not in _kept:
        _kept[key] = composed_by_hydra(choices)
    cfg = copy.deepcopy(_kept[key])
    values = [text for text, choice in zip(overrides, chosen, strict=True) if not choice]
    try:
        ConfigLoaderImpl._apply_overrides_to_config(OverridesParser.create().parse_overrides(values), cfg)
    except Exception:
        return composed_by_hydra(overrides)
    return cfg


@contextmanager
def choices_kept() -> Iterator[None]:
    """Within it configs come from `composed_from_kept_choices`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(composition, "_compose", composed_from_kept_choices)
        yield

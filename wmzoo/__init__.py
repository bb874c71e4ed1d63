"""wmzoo: a registry-based zoo of world models, all trained through one algorithm (PWM).

Importing this package imports no torch: each name below is fetched from its module when first used.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wmzoo.build import build_agent, build_trainer
    from wmzoo.checkpoints import load
    from wmzoo.config import compose
    from wmzoo.registry import build, list_entries, register

__version__ = "0.1.0"
__all__ = ["build", "build_agent", "build_trainer", "compose", "list_entries", "load", "register"]

_HOME = {
    "build": "wmzoo.registry",
    "list_entries": "wmzoo.registry",
    "register": "wmzoo.registry",
    "compose": "wmzoo.config",
    "build_agent": "wmzoo.build",
    "build_trainer": "wmzoo.build",
    "load": "wmzoo.checkpoints",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'wmzoo' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])


class _Package(ModuleType):
    """Keeps `wmzoo.build` the function: importing the module `wmzoo.build` must not put itself in its place."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package

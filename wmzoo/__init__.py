"""wmzoo: a registry-based zoo of world models, all trained through one algorithm (PWM).

Importing this package imports no torch: each name below is fetched from its module when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wmzoo.agent.build import build_agent
    from wmzoo.agent.load import load
    from wmzoo.config.composition import compose
    from wmzoo.envs.single import make_env
    from wmzoo.imagined.as_env import as_env
    from wmzoo.registry import build, list_entries, register
    from wmzoo.trainers.build import build_trainer

__version__ = "0.2.0"
__all__ = [
    "as_env",
    "build",
    "build_agent",
    "build_trainer",
    "compose",
    "list_entries",
    "load",
    "make_env",
    "register",
]

_HOME = {
    "build": "wmzoo.registry",
    "list_entries": "wmzoo.registry",
    "register": "wmzoo.registry",
    "compose": "wmzoo.config.composition",
    "build_agent": "wmzoo.agent.build",
    "build_trainer": "wmzoo.trainers.build",
    "load": "wmzoo.agent.load",
    "make_env": "wmzoo.envs.single",
    "as_env": "wmzoo.imagined.as_env",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'wmzoo' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

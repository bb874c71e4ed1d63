"""The pages of the API, from docstrings: what of each room is public."""

from __future__ import annotations

import importlib

from pieces import documented, page, table, toctree

from wmzoo.registry import CONFIGURED

MODULES = {
    "wmzoo": ["wmzoo"],
    "wmzoo.agent": ["wmzoo.agent.agent", "wmzoo.agent.world_model", "wmzoo.agent.moments"],
    "wmzoo.dynamics": ["wmzoo.dynamics", "wmzoo.dynamics.residual", "wmzoo.dynamics.integrated"],
    "wmzoo.integrators": ["wmzoo.integrators"],
    "wmzoo.losses": [f"wmzoo.losses.{name}" for name in ("base", "terms", "paths", "average", "chance")],
    "wmzoo.nets": ["wmzoo.nets"],
    "wmzoo.pwm": [f"wmzoo.pwm.{name}" for name in ("algorithm", "imagination", "disagreement")],
    "wmzoo.trainers": ["wmzoo.trainers.base", "wmzoo.trainers.from_data"],
    "wmzoo.envs": [f"wmzoo.envs.{name}" for name in ("base", "simulated", "simulator")],
    "wmzoo.imagined": ["wmzoo.imagined.env", "wmzoo.imagined.vector_env"],
    "wmzoo.data": ["wmzoo.data.shards", "wmzoo.data.sampler", "wmzoo.data.replay"],
    "wmzoo.evaluation": ["wmzoo.evaluation.episodes"],
    "wmzoo.contracts": ["wmzoo.contracts.common", *(f"wmzoo.contracts.{kind}" for kind in CONFIGURED)],
    "wmzoo.errors": ["wmzoo.errors"],
}


def pages() -> dict[str, str]:
    """By name."""
    rows = [(f"[`{room}`]({room}.md)", summary(room)) for room in MODULES]
    index = page("# Python API", table(("import", "what it is"), rows), toctree(f"docs/api/{room}" for room in MODULES))
    return {"index": index} | {room: room_page(room, modules) for room, modules in MODULES.items()}


def room_page(room: str, modules: list[str]) -> str:
    if modules == [room]:
        return page(f"# {room}", documented("automodule", room))
    sections = (f"## {module}\n\n{documented('automodule', module)}" for module in modules)
    return page(f"# {room}", summary(room), *sections)


def summary(module: str) -> str:
    """What its docstring says first."""
    return (importlib.import_module(module).__doc__ or "").partition("\n")[0]

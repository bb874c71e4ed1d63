"""Starting a training with the weights of another one, part by part."""

from __future__ import annotations

from pathlib import Path

from omegaconf import OmegaConf

from wmzoo.agent.agent import Agent
from wmzoo.checkpoints.config import load_config
from wmzoo.checkpoints.find import WEIGHTS, locate
from wmzoo.checkpoints.weights import check_finite
from wmzoo.errors import WmzooError
from wmzoo.storage.tensors import read_tensors


def init_from(agent: Agent, path: Path | str, whole_model: bool = False) -> str:
    """Take over every part of a bundle that fits; gives a line that says which did, which did not, and why.

    A part is taken whole or not at all: half of another network's layers would be noise. A dynamics of another name is
    another dynamics, whatever its shapes.

    Args:
        whole_model: every part of the world model has to fit.

    Raises:
        WmzooError: no part fits, or one that has to, or what reading the bundle raises.
    """
    bundle = locate(path)
    theirs = OmegaConf.select(load_config(bundle), "dynamics.name")
    found, own = read_tensors(bundle / WEIGHTS), agent.state_dict()
    check_finite(bundle / WEIGHTS, found)
    parts: dict[str, list[str]] = {}
    for name in own:
        parts.setdefault(name.removeprefix("world_model.").partition(".")[0], []).append(name)
    taken, fresh = [], []
    for part, names in parts.items():
        fits = [name for name in names if name in found and found[name].shape == own[name].shape]
        if part == "dynamics" and theirs != agent.cfg.dynamics.name:
            fresh.append(f"{part} (there it is {theirs})")
        elif len(fits) < len(names):
            fresh.append(f"{part} ({len(fits)} of its {len(names)} tensors fit)")
        else:
            taken.append(part)
    if not taken:
        raise WmzooError(f"{bundle / WEIGHTS}: no part of it fits this agent: {', '.join(fresh)}")
    lacking = [why for why in fresh if not why.startswith(("actor", "critic"))]
    if whole_model and lacking:
        raise WmzooError(f"{bundle / WEIGHTS}: its world model is another one: {', '.join(lacking)}")
    agent.load_state_dict({name: found[name] for part in taken for name in parts[part]}, strict=False)
    rest = f"; starting fresh: {', '.join(fresh)}" if fresh else ""
    return f"init_from {bundle}: took over {', '.join(taken)}{rest}"

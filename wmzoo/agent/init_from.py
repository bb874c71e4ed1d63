"""Starting a training with the weights of another one, part by part."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from wmzoo.agent.agent import Agent
from wmzoo.checkpoints.config import load_config
from wmzoo.checkpoints.find import WEIGHTS, locate
from wmzoo.checkpoints.weights import check_finite
from wmzoo.errors import WmzooError
from wmzoo.registry import get, resolve, signature_defaults
from wmzoo.storage.form import kind
from wmzoo.storage.tensors import open_tensors

MEANING = {  # of each part's weights, beside their shapes: keys of a config, or whole nodes of it
    "encoder": ("recipe.activation", "model.simnorm_dim", "recipe.normalise_obs"),
    "dynamics": ("dynamics", "integrator"),
    "reward_head": ("recipe.activation", "model.bin_range", "model.symexp", "recipe.reward_scale"),
    "termination_head": ("recipe.activation",),
    "critic": ("recipe.gamma",),
}
WIDTHS = ("dynamics.units",)  # which the shapes tell
BINNED = ("model.bin_range", "model.symexp")


def init_from(
    agent: Agent, path: Path | str, may_lack: Collection[str] | None = None, allow: Collection[str] = ()
) -> str:
    """Take over every part of a bundle that fits; gives a line that says which did, which did not, and why.

    A part is taken whole or not at all: half of another network's layers would be noise. A dynamics of another name is
    another dynamics, whatever its shapes. A part whose weights would mean something else under this agent's config, in
    another chart or behind another activation, is refused.

    Args:
        may_lack: the parts that need not fit; None for any.
        allow: keys of the config that may differ, or whole nodes of it: the weights are then only where the training
            starts.

    Raises:
        WmzooError: no part fits, or one that has to, or one means something else, or what reading the bundle raises.
    """
    bundle = locate(path)
    cfg = load_config(bundle)
    theirs = OmegaConf.select(cfg, "dynamics.name")
    if theirs == agent.cfg.dynamics.name:  # what an older config does not say is what the constructor takes for it
        cfg.dynamics = {**signature_defaults(resolve(get("dynamics", theirs))), **cfg.dynamics}
    found, own = open_tensors(bundle / WEIGHTS), agent.state_dict()
    parts: dict[str, list[str]] = {}
    for name in own:
        parts.setdefault(name.removeprefix("world_model.").partition(".")[0], []).append(name)
    taken, fresh = [], []
    for part, names in parts.items():
        fits = [name for name in names if name in found and kind(found[name]) == kind(own[name])]
        if part == "dynamics" and theirs != agent.cfg.dynamics.name:
            fresh.append(f"{part} (there it is {theirs})")
        elif len(fits) < len(names):
            fresh.append(f"{part} ({len(fits)} of its {len(names)} tensors fit)")
        else:
            taken.append(part)
    if not taken:
        raise WmzooError(f"{bundle / WEIGHTS}: no part of it fits this agent: {', '.join(fresh)}")
    if may_lack is not None and (lacking := [why for why in fresh if why.partition(" ")[0] not in may_lack]):
        sizes = _sizes(cfg, agent.cfg)
        there = f"; there it is {' '.join(sizes)}, which size= may set" if sizes else ""
        raise WmzooError(f"{bundle / WEIGHTS}: its world model is another one: {', '.join(lacking)}{there}")
    differing = _differences(cfg, agent.cfg, taken)
    if refused := [key for key in differing if not any(f"{key}.".startswith(f"{each}.") for each in allow)]:
        named = ", ".join(
            f"{key} is {_typed(differing[key][0])} there and {_typed(differing[key][1])} here" for key in refused
        )
        meant = "" if may_lack is not None else f", or init_from_allow=[{','.join(differing)}] if that is meant"
        mend = " ".join(f"{key}={_typed(differing[key][0])}" for key in refused)
        raise WmzooError(f"{bundle}: its weights mean something else here: {named}; give {mend}{meant}")
    weights = {name: found[name].read() for part in taken for name in parts[part]}
    check_finite(bundle / WEIGHTS, weights)
    agent.load_state_dict(weights, strict=False)
    rest = f"; starting fresh: {', '.join(fresh)}" if fresh else ""
    rest += f"; differing, as allowed: {', '.join(differing)}" if differing else ""
    return f"init_from {bundle}: took over {', '.join(taken)}{rest}"


def _differences(theirs: DictConfig, ours: DictConfig, taken: Sequence[str]) -> dict[str, tuple[Any, Any]]:
    """What gives the weights of these parts another meaning: by key, the value there and here."""
    flows = get("dynamics", ours.dynamics.name).integrates
    binned = ours.model.num_bins > 1
    found: dict[str, tuple[Any, Any]] = {}
    for key in (key for part in taken for key in MEANING.get(part, ())):
        if (key == "integrator" and not flows) or (key in BINNED and not binned):
            continue
        there, here = _values(theirs, key), _values(ours, key)
        found |= {name: (there[name], here[name]) for name in here if name in there and there[name] != here[name]}
    return {key: pair for key, pair in found.items() if key not in WIDTHS}


def _sizes(theirs: DictConfig, ours: DictConfig) -> list[str]:
    """What gives tensors other shapes there, as it would be typed."""
    found = []
    for part in ("model", "actor", "critic", "recipe.task_moments"):
        there = _values(theirs, part)
        found += [
            f"{key}={_typed(there[key])}"
            for key, value in _values(ours, part).items()
            if there.get(key, value) != value
        ]
    return found


def _values(cfg: DictConfig, key: str) -> dict[str, Any]:
    """The values of a key, or of all below it; none where the config, of an older version perhaps, has no such key."""
    parent, _, name = key.rpartition(".")
    node = OmegaConf.select(cfg, parent) if parent else cfg
    if not isinstance(node, DictConfig) or name not in node:
        return {}
    value = node[name]
    if isinstance(value, DictConfig):
        return {each: found for child in map(str, value) for each, found in _values(cfg, f"{key}.{child}").items()}
    return {key: OmegaConf.to_container(value) if isinstance(value, ListConfig) else value}


def _typed(value: Any) -> str:
    """As it is typed in an override."""
    return str(value).lower() if isinstance(value, bool) else "null" if value is None else str(value)

"""`loss.add`: what is added to a loss."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from omegaconf import DictConfig, OmegaConf

from wmzoo import registry
from wmzoo.config.choices import ADD
from wmzoo.errors import WmzooError, unknown
from wmzoo.registry import Entry

FORM = "loss.add is a list of {name: NAME, weight: NUMBER} with, perhaps, parameters of that loss"
WEIGHT = 0.1  # in examples, and of what is benched


class Added(NamedTuple):
    """One entry of `loss.add`: how much it counts, and the node {name, **params} that it is built from."""

    name: str
    weight: float
    node: Mapping[str, Any]


def chosen(entry: Entry, **params: Any) -> str:
    """The override that trains with an entry: `loss=mse`, or of a loss that is nothing alone `loss.add=[{…}]`, which
    also sets its parameters."""
    if not entry.regularises:
        return f"{entry.kind}={entry.name}"
    settings = {"name": entry.name, "weight": WEIGHT, **params}
    return "loss.{}=[{{{}}}]".format(ADD, ", ".join(f"{key}: {value}" for key, value in settings.items()))


def without_additions(cfg: DictConfig) -> dict[str, Any]:
    """The node {name, **params} of the loss alone."""
    return {str(key): cfg.loss[key] for key in cfg.loss if key != ADD}


def added(cfg: DictConfig) -> list[Added]:
    """The entries of a config's `loss.add`, with the defaults of their cards.

    WmzooError for one without the form, for a loss that makes a rollout of its own, and for unknown parameters.
    """
    entries = OmegaConf.to_container(cfg.loss, resolve=True).get(ADD) or []  # type: ignore[union-attr]
    if not isinstance(entries, list):
        raise WmzooError(f"{FORM}, not {entries}")
    found = [_added(entry) for entry in entries]
    names = [term.name for term in found]
    if len({*names}) < len(names):
        raise WmzooError(f"loss.add names {', '.join(names)}: each loss once")
    return found


def _added(entry: Any) -> Added:
    if not isinstance(entry, dict) or "name" not in entry:
        raise WmzooError(f"{FORM}, not {entry}")
    node = dict(entry)
    name, weight = str(node["name"]), node.pop("weight", 1.0)
    terms = [other for other in registry.list_entries("loss") if registry.get("loss", other).facts.get("term")]
    if name not in terms:
        raise WmzooError(unknown("loss to add", name, terms))
    number = isinstance(weight, (int, float)) and not isinstance(weight, bool)
    if not number or not math.isfinite(weight) or weight <= 0:
        raise WmzooError(f"loss.add: the weight of {name} is a number above 0, not {weight}")
    params = registry.get("loss", name).params
    for key in node:
        if key != "name" and key not in params:
            raise WmzooError(unknown(f"parameter of loss {name}", str(key), [*params]))
    return Added(name, float(weight), {"name": name, **params, **node})

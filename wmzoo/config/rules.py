"""Which rule each key of a composed config keeps. No torch here.

Every key that the project gives a meaning has a rule. A parameter of an entry takes the rule of the key that its card
refers to (`units: ${model.units}`), else the type of its card's default; what else it demands, its constructor says.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from wmzoo import registry
from wmzoo.config import recipe
from wmzoo.config.values import (
    BOOLEAN,
    COUNT,
    MANY,
    MATCHED,
    TEXT,
    UNITS,
    WIDEST,
    Rule,
    integer,
    number,
    one_of,
    optional,
    positive,
    several,
)
from wmzoo.errors import WmzooError, unknown
from wmzoo.registry import CONFIGURED
from wmzoo.registry.cards import referred

RULES: dict[str, Rule] = {
    "seed": integer(0, 2**63 - 1),
    "device": TEXT,
    "precision": one_of("auto", "fp32", "bf16"),
    "compile": Rule("auto, true or false", lambda value: value == "auto" or isinstance(value, bool)),
    "threads": Rule("auto or an integer", lambda value: value == "auto" or type(value) is int),
    "run_dir": optional(TEXT),
    "plugins": Rule("a file or a list of files", lambda value: TEXT.holds(value) or several(TEXT).holds(value)),
    "on_nonfinite": one_of("stop", "skip"),
    "init_from": optional(TEXT),
    "init_from_allow": several(TEXT),
    "loggers": several(TEXT),
    "video": BOOLEAN,
    "data.dir": optional(TEXT),
    "data.tasks": optional(several(TEXT, 1)),
    "model.simnorm_dim": integer(1, WIDEST),
    "model.num_bins": integer(1, 2**12),
    "model.bin_range": positive(),
    "model.symexp": BOOLEAN,
    "model.num_tasks": integer(0, 10**6),
    "model.task_dim": integer(0, WIDEST),
    "model.action_dims": optional(several(integer(1, WIDEST), 0, 10**6)),
    "model.latent_dim": integer(1, WIDEST),
    "model.encoder_units": UNITS,
    "model.units": UNITS,
    "model.batch_size": integer(1, 2**20),
    "eval.every": COUNT,
    "eval.episodes": integer(1, 2**12),
    "save.every": COUNT,
    "save.keep": COUNT,
    "actor.units": UNITS,
    "critic.units": UNITS,
    "critic.num": integer(1, 2**10),
    **{f"recipe.{name}": rule for name, rule in recipe.rules().items()},
    "env.set": Rule("mt30, mt80 or a list of tasks", lambda value: TEXT.holds(value) or several(TEXT, 1).holds(value)),
    "env.only": optional(several(TEXT, 1)),
    "env.num_envs": integer(1, 2**16),
    "env.action_repeat": integer(1, 1000),
    "env.backend": one_of("auto", "serial", "threads", "processes", "arrays", "rollout"),
    "env.episode_length": optional(integer(1, MANY)),
    "trainer.iterations": COUNT,
    "trainer.horizon": integer(1, 2**12),
    "trainer.buffer_size": COUNT,
    "trainer.model_updates": integer(0, MANY),
    "trainer.finetune_lr": optional(number(0, 1e6)),
}

LATER: dict[str, Rule] = {
    "env.sticky": Rule("a probability from 0 to below 1", lambda value: number(0, 1).holds(value) and value < 1),
    "env.push": number(0),
}  # of parameters that entries had not always: where a config lacks one, the entry's own default holds

ADDED = {
    "precision": "fp32",
    "init_from_allow": [],
    "video": True,
}  # keys that the configs of older versions lack, with what was done before there were any


def every(cfg: DictConfig) -> list[str]:
    """The keys that a whole config has: those of all configs, and what the cards of its own entries have."""
    keys = [*CONFIGURED, *(key for key in RULES if key.partition(".")[0] not in (*CONFIGURED, "data"))]
    for kind in CONFIGURED:
        node = OmegaConf.select(cfg, kind)
        name = node.get("name") if isinstance(node, DictConfig) else None
        if name in registry.list_entries(kind):
            keys += [key for key in (f"{kind}.{param}" for param in registry.get(kind, name).params) if key in RULES]
    absent = tuple(f"{part}." for part in ("actor", "critic") if part in cfg and cfg[part] is None)
    return [key for key in keys if not key.startswith(absent)]


def check(cfg: DictConfig, needed: Iterable[str] = ()) -> None:
    """WmzooError, in one line, for the first value of a composed config that makes no sense.

    needed: keys that must be there; others may be absent, as in configs of older versions.
    """
    absent = [key for key in needed if not _has(cfg, key)]
    if absent:
        raise WmzooError(f"{absent[0]} is missing from the config")
    for key, rule in rules(cfg):
        value = OmegaConf.select(cfg, key)
        value = OmegaConf.to_container(value) if isinstance(value, (ListConfig, DictConfig)) else value
        if not rule.holds(value):
            raise WmzooError(f"{key} is {rule.words}, not {_typed(value)}")


def rules(cfg: DictConfig) -> Iterator[tuple[str, Rule]]:
    """The rules of the keys that `cfg` has, its entries' parameters among them."""
    known_rules = RULES | LATER
    for key, rule in known_rules.items():
        if _has(cfg, key):
            yield key, rule
    for kind in (kind for kind in CONFIGURED if _has(cfg, kind)):
        node = OmegaConf.select(cfg, kind)
        if not isinstance(node, DictConfig) or not isinstance(node.get("name"), str):
            raise WmzooError(f"{kind} is an entry of the catalogue with its parameters, not {_typed(node)}")
        known = registry.list_entries(kind)
        if node.name not in known:
            raise registry.RegistryError(unknown(kind, node.name, known))
        for name, default in registry.get(kind, node.name).params.items():
            key = f"{kind}.{name}"
            inherited = RULES.get(referred(default)) or _like(default)
            if key == "dynamics.units" and (inherited is UNITS or default == "match"):
                inherited = MATCHED
            if inherited and key not in known_rules and _has(cfg, key):
                yield key, inherited


def _has(cfg: DictConfig, key: str) -> bool:
    parent, _, name = key.rpartition(".")
    node = OmegaConf.select(cfg, parent) if parent else cfg
    return isinstance(node, DictConfig) and name in node


def _like(default: Any) -> Rule | None:
    """What the type of a default asks of a value; None for a default that says nothing about it."""
    if isinstance(default, bool):
        return BOOLEAN
    if isinstance(default, int):
        return Rule("an integer", lambda value: type(value) is int)
    if isinstance(default, float):
        return Rule("a number", lambda value: type(value) in (int, float) and math.isfinite(value))
    if isinstance(default, str) and "${" not in default:
        return TEXT
    if isinstance(default, list):
        return Rule("a list", lambda value: isinstance(value, list))
    if isinstance(default, Mapping):
        return Rule("a mapping", lambda value: isinstance(value, dict))
    return None


def _typed(value: Any) -> str:
    """As it would be typed, in not too many letters."""
    words = {None: "null", True: "true", False: "false"}.get(value) if isinstance(value, bool | None) else None
    text = words or repr(str(value) if isinstance(value, DictConfig) else value)
    return text if len(text) <= 60 else f"{text[:57]}…"

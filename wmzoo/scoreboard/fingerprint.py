"""What of a config decides how a run begins: its digest, and the keys in which two of them differ.

A longer run begins as a shorter one does, and evaluations draw from no stream that training draws from: how long it is
and how often it is evaluated are no part of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from wmzoo.agent.build import MATCH
from wmzoo.config import recipe, rules
from wmzoo.config.choices import ADD
from wmzoo.registry import CONFIGURED, get, list_entries, resolve, signature_defaults
from wmzoo.reports.words import typed
from wmzoo.storage.rows import Row, flat

# A key, or a group of them. `recipe.flow_` are read by cards alone: what they come to stands in dynamics and loss.
LEFT_OUT = (
    *("seed", "run_dir", "device", "threads", "plugins", "loggers", "video", "study."),
    *("trainer.iterations", "eval.every", "save.", "env.backend", "recipe.flow_"),
    "recipe.termination",  # settled by the task
    *("recipe.task_moments", "recipe.task_balance"),  # of several tasks
    *("recipe.disagreement_", "recipe.bc_alpha"),  # of policies from data
    "on_nonfinite",  # runs that met no such number are alike, and the others are told by their count
)


def fingerprint(cfg: Mapping[str, Any]) -> Row:
    """The keys that count of a composed config or a run's, flat: {"dynamics.name": "mlp", …}."""
    row = completed(flat(cfg))
    return {key: _plain(row[key]) for key in sorted(row) if not _left_out(key)}


def completed(row: Row) -> Row:
    """A flat config with the keys that older ones lack, each with what was done before there was such a key."""
    before = {**rules.ADDED, **{f"recipe.{key}": value for key, value in recipe.added().items()}, f"loss.{ADD}": []}
    for kind in CONFIGURED:
        name = row.get(f"{kind}.name")
        if name in list_entries(kind):
            entry = get(kind, name)
            made = signature_defaults(resolve(entry))
            before |= {f"{kind}.{key}": made[key] for key in entry.params if key in made}
    return {**before, **row}


def digest(row: Row) -> str:
    """The first 16 hexadecimal digits of the sha256 of a fingerprint."""
    return sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()[:16]


def differences(there: Row, here: Row) -> list[str]:
    """In words, the keys in which two fingerprints differ: "recipe.gamma is 0.97 there and 0.99 here".

    Widths that were solved for (`dynamics.units=match`) are those of any solution.
    """
    there, here = completed(there), completed(here)
    keys = [key for key in {**there, **here} if there.get(key) != here.get(key) and not _left_out(key)]
    told = {key: (typed(there.get(key)), typed(here.get(key))) for key in keys}
    return [f"{key} is {old} there and {new} here" for key, (old, new) in told.items() if MATCH not in (old, new)]


def _left_out(key: str) -> bool:
    return any(key == name or (name[-1] in "._" and key.startswith(name)) for name in LEFT_OUT)


def _plain(value: Any) -> Any:
    """20.0 and 20 are the same number."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value

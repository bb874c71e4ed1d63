"""Names of tasks: the presets of `configs/env/`, and what the cards of the suites list. No suite is imported here.

A hyphen and an underscore are the same. Of a card, `tasks` are the names; `spellings`, patterns of a name in
underscores and what they stand for, are other ways to write them; `package` is what has to be installed.
"""

from __future__ import annotations

import importlib.util
import re
from typing import NamedTuple

from wmzoo.registry.cards import load_yaml
from wmzoo.registry.catalogue import get, list_entries
from wmzoo.storage.package_data import data_dir


class Preset(NamedTuple):
    """A file of `configs/env/`: its name, and the suite and the task that it sets."""

    name: str
    suite: str
    task: str


def presets() -> list[Preset]:
    found = [(path.stem, load_yaml(path)) for path in sorted((data_dir("configs") / "env").glob("*.yaml"))]
    return [Preset(name, config["defaults"][0], config["task"]) for name, config in found]


def suites() -> dict[str, tuple[str, ...]]:
    """The tasks of every suite that lists any, by its name."""
    found = {name: tuple(get("env", name).facts.get("tasks") or ()) for name in list_entries("env")}
    return {name: tasks for name, tasks in found.items() if tasks}


def plain(name: str) -> str:
    """Equal for names that mean the same."""
    return name.replace("-", "_")


def having(name: str) -> dict[str, str]:
    """The suites, installed or not, that have a task of this name, and what each calls it."""
    found: dict[str, str] = {}
    for suite, tasks in suites().items():
        key = plain(name)
        for pattern, meant in (get("env", suite).facts.get("spellings") or {}).items():
            key = re.sub(pattern, meant, key)
        found.update((suite, task) for task in tasks if plain(task) == key)
    return found


def why_missing(suite: str) -> str:
    """What to do about a suite that is not installed; empty for one that is."""
    facts = get("env", suite).facts
    if "package" not in facts or importlib.util.find_spec(facts["package"]):
        return ""
    return f"pip install 'wmzoo[{facts['extra']}]'" if "extra" in facts else "`wmzoo doctor` says how to get it"

"""What can be typed: the groups and their options, a task in the place of a preset, and the keys. No torch, no Hydra.

So that tab completion, which answers from here, is there at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from wmzoo import registry
from wmzoo.config import recipe
from wmzoo.errors import unknown
from wmzoo.registry import CONFIGURED, RegistryError
from wmzoo.registry.cards import load_yaml
from wmzoo.registry.tasks import having, plain, suites, why_missing
from wmzoo.storage.package_data import data_dir

GROUPS = (*CONFIGURED, "size", "recipe", "experiment")
ADD = "add"  # of a loss: what is added to it


def options(group: str) -> list[str]:
    """What has a file or a card to be chosen by, after `group=`."""
    if group == "recipe":
        return sorted(recipe.options())
    files = {path.stem for path in (data_dir("configs") / group).glob("*.yaml")}
    return sorted(files.union(registry.list_entries(group) if group in CONFIGURED else ()))


def env_names() -> list[str]:
    """What can be typed after `env=`: its options, and the tasks of installed suites that are not named as one."""
    taken = {plain(name) for name in options("env")}
    tasks = [task for suite, tasks in suites().items() if not why_missing(suite) for task in tasks]
    return [*options("env"), *(task for task in tasks if plain(task) not in taken)]


def suite_and_task(name: str) -> tuple[str, str]:
    """The installed suite that has a task of this name, and what it calls it.

    RegistryError, with what was perhaps meant, for a name that none has, several have, or one that is not installed.
    """
    found = having(name)
    there = {suite: task for suite, task in found.items() if not why_missing(suite)}
    if len(there) > 1:
        ways = " or ".join(f"env={suite} env.task={task}" for suite, task in there.items())
        raise RegistryError(f"env '{name}' is a task of {' and '.join(there)}: say which, {ways}")
    if there:
        return next(iter(there.items()))
    if _registered(name):
        return "gymnasium", name
    for suite in found:
        raise RegistryError(f"env '{name}' is a task of {suite}, which is not installed: {why_missing(suite)}")
    raise RegistryError(unknown("env", name, env_names(), listing="`wmzoo list env` and `wmzoo list tasks` have all"))


def named_env(name: str) -> dict[str, Any]:
    """The node of `env=name`, where that is no option: of the preset with a hyphen for an underscore, or of a task."""
    for option in options("env"):
        if plain(option) == plain(name):
            return {"defaults": [option, "_self_"]}
    suite, task = suite_and_task(name)
    return {"name": suite, **registry.get("env", suite).params, "task": task}


def keys(chosen: Mapping[str, str] | None = None) -> list[str]:
    """What can be typed before `=`: the groups, and every key, dotted.

    chosen: options by group; where they say nothing configs/train.yaml does. The parameters of an entry are there where
    it is chosen by its own name, else those of all entries of its kind.
    """
    folder = data_dir("configs")
    config = load_yaml(folder / "train.yaml")
    defaults = [part for part in config.pop("defaults") if isinstance(part, dict)]
    chosen = {**{group: name for part in defaults for group, name in part.items()}, **(chosen or {})}
    del config["hydra"]
    found = [*GROUPS, *_dotted(config), *_dotted(load_yaml(folder / "size" / "small.yaml"))]
    found += [f"recipe.{name}" for name in recipe.rules()]
    found += [f"loss.{ADD}"]
    for kind in CONFIGURED:
        names = registry.list_entries(kind)
        for name in [chosen[kind]] if chosen[kind] in names else names:
            found += [f"{kind}.{param}" for param in registry.get(kind, name).params]
    return [*dict.fromkeys(found)]


def _dotted(node: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in node.items():
        yield from _dotted(value, f"{prefix}{name}.") if isinstance(value, dict) else [prefix + name]


def _registered(name: str) -> bool:
    """Whether Gymnasium knows the name from a plugin, from another package, or as an older version."""
    import gymnasium  # a third of a second, which no name of a card costs

    return name in gymnasium.registry

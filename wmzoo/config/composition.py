"""From what a user types to one composed config: Hydra over `configs/` and the registry's cards. No torch here.

Cards become options of the Hydra group of their kind, as plain mappings `{name: flow, **params}`; so do the recipes.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from wmzoo import registry
from wmzoo.config import recipe, rules
from wmzoo.config.added import added, chosen
from wmzoo.config.choices import ADD, GROUPS, named_env, options
from wmzoo.errors import WmzooError, one_line, unknown
from wmzoo.registry import CONFIGURED, plugins
from wmzoo.storage.package_data import data_dir

VERSION_BASE = "1.3"
LAUNCHERS = {
    "joblib": ("hydra-joblib-launcher", "parallel"),
    "submitit": ("hydra-submitit-launcher", "slurm"),
}
OBSERVING = ("imagination_horizon", "actor_updates", "rollouts", "starts")  # of the recipe: with act_on=observations
FOLLOWED = {"loss": "mse", "integrator": "heun"}  # of a dynamics whose card names no default

log = logging.getLogger("wmzoo")


class ConfigError(WmzooError):
    """Overrides that do not compose, or parts that do not go together."""


def compose(overrides: Sequence[str] = ()) -> DictConfig:
    """The composed config of `overrides`, as typed on the command line: `compose(["dynamics=flow", "seed=1"])`.

    References between keys (`${model.units}`) are kept and known to resolve. Raises WmzooError with one line.
    """
    overrides, parsed = prepare(overrides)
    for override in parsed:
        if override.is_sweep_override():
            raise ConfigError(f"{override.input_line} gives several values: a sweep needs -m")
    typed = [override.key_or_group for override in parsed]
    try:
        cfg = _compose(overrides)
        fit_experiment(cfg, typed)
        OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    except Exception as error:  # only Hydra and OmegaConf are at work here, and they raise many kinds
        raise explained(error, overrides, parsed) from error
    validate(cfg)
    if any(key.partition(".")[0] == "integrator" for key in typed) and (why := _idle_integrator(cfg)):
        log.warning(why)
    idle = [key for name in OBSERVING if (key := f"recipe.{name}") in typed]
    if idle and cfg.trainer.name == "online" and cfg.recipe.act_on == "imagination":
        log.warning("%s: no effect, with recipe.act_on=imagination its one rollout is what is acted", ", ".join(idle))
    return cfg


def fit_experiment(cfg: DictConfig, typed: Collection[str]) -> None:
    """Leave out what an experiment sets of `env` and the suite does not have, as `action_repeat` of the toy tasks.

    typed: the keys of the overrides, which stay, so that a mistake is told.
    """
    env = cfg.get("env")
    if not isinstance(env, DictConfig) or env.get("name") not in registry.list_entries("env"):
        return
    known = {"name", *registry.get("env", env.name).params}
    with open_dict(env):
        for key in [*map(str, env)]:
            if key not in known and f"env.{key}" not in typed:
                del env[key]


def _idle_integrator(cfg: DictConfig) -> str:
    """What a typed integrator does not do; empty for one that does all, or is what it would be anyway."""
    entry, name = registry.get("dynamics", cfg.dynamics.name), cfg.integrator.name
    if not entry.integrates:
        return f"integrator={name} has no effect: dynamics={entry.name} has no velocity to integrate"
    trained = cfg.dynamics.get("train_integrator")
    if trained in (None, name) or name == entry.facts.get("default_integrator", FOLLOWED["integrator"]):
        return ""
    return (
        f"integrator={name} is for dynamics(z, a) alone: training takes {trained}, unless "
        f"dynamics.train_integrator=null dynamics.train_substeps=null"
    )


def prepare(overrides: Sequence[str]) -> tuple[list[str], list[Override]]:
    """Load the plugins that `overrides` name, make every card an option and every task that is chosen by its own name,
    and check the choices.

    Returns the overrides with absolute plugin paths, so that they mean the same in a child process, and parsed.
    """
    overrides = list(overrides)
    parsed = _parse(overrides)
    for index, override in enumerate(parsed):
        files = plugins.load_files(_plugin_files(override))
        if files:
            overrides[index] = plugins_override(files)
    plugins.load_entry_points()
    store_cards()
    for override in parsed:
        _check_choice(override)
        _check_launcher(override)
    return overrides, parsed


def plugins_override(files: Sequence[str | Path]) -> str:
    """The override that names these plugin files."""
    if odd := [str(file) for file in files if "${" in str(file) or "\\" in str(file)]:
        raise ConfigError(f"plugin {odd[0]}: a path with ${{ or a backslash cannot be written into a config; move it")
    return "plugins=[{}]".format(",".join("'{}'".format(str(file).replace("'", "\\'")) for file in files))


def plugin_files(override: str) -> list[str]:
    """The files that one override names: `plugins=[a.py,b.py]` or `plugins=a.py`; none for any other key."""
    return _plugin_files(_parse([override])[0])


def sweep_folder(overrides: list[str], parsed: list[Override]) -> tuple[Path, str]:
    """Where the runs of a sweep go that begins now, by `hydra.sweep.dir`, and the override that says so."""
    single = [text for text, override in zip(overrides, parsed, strict=True) if not override.is_sweep_override()]
    try:
        with _configs():
            folder = str(hydra_compose("train", single, return_hydra_config=True).hydra.sweep.dir)
    except Exception as error:  # as in `compose`
        raise explained(error, overrides, parsed) from error
    return Path(folder), "hydra.sweep.dir='{}'".format(folder.replace("'", "\\'"))


def explained(error: Exception, overrides: list[str], parsed: list[Override]) -> ConfigError:
    """One line for what Hydra and OmegaConf say in several: an unknown key gets its near matches."""
    return ConfigError(_explain(error, overrides, parsed))


def store_cards() -> None:
    """Make every entry an option of its Hydra group, and let `loss` and `integrator` follow the dynamics' card."""
    store = ConfigStore.instance()
    for name, node in recipe.options().items():
        store.store(group="recipe", name=name, node=node)
    for kind in CONFIGURED:
        for name in registry.list_entries(kind):
            entry = registry.get(kind, name)
            node = {"name": name, **entry.params, **({ADD: []} if kind == "loss" else {})}
            store.store(group=kind, name=name, node=node, provider=entry.owner)
    _check_defaults()
    # A plain table, because child processes of a sweep get this resolver before they know any plugin.
    dynamics = {name: dict(registry.get("dynamics", name).facts) for name in registry.list_entries("dynamics")}
    OmegaConf.register_new_resolver("wmzoo.follow", functools.partial(_follow, dynamics), replace=True)


def _check_defaults() -> None:
    """ConfigError for a dynamics whose default loss or integrator does not exist."""
    for name in registry.list_entries("dynamics"):
        entry = registry.get("dynamics", name)
        for kind in FOLLOWED:
            default, known = entry.facts.get(f"default_{kind}"), registry.list_entries(kind)
            if default and default not in known:
                raise ConfigError(
                    f"dynamics '{name}' ({entry.owner}): {unknown(f'default_{kind}', str(default), known)}"
                )


def validate(cfg: DictConfig) -> None:
    """Refuse a loss that needs what the dynamics does not have or leaves a part of it untrained, with the pairs that
    work, or that compares with nothing observed; and values without sense."""
    rules.check(cfg, rules.every(cfg))
    if cfg.model.latent_dim % cfg.model.simnorm_dim:
        raise ConfigError(
            f"model.latent_dim={cfg.model.latent_dim} is no multiple of model.simnorm_dim={cfg.model.simnorm_dim}"
        )
    if cfg.model.num_tasks and not cfg.model.task_dim:
        raise ConfigError(f"model.num_tasks={cfg.model.num_tasks} needs a width of the embedding: model.task_dim=96")
    dynamics, loss = registry.get("dynamics", cfg.dynamics.name), registry.get("loss", cfg.loss.name)
    added(cfg)
    if loss.regularises:
        raise ConfigError(
            f"loss={loss.name} compares with nothing observed, any prediction would do: it is added to another loss, "
            f"loss={loss_of(dynamics)} '{chosen(loss)}'"
        )
    if loss.trains(dynamics):
        return
    losses = [registry.get("loss", name) for name in registry.list_entries("loss")]
    losses = [entry for entry in losses if not entry.regularises]
    others = [registry.get("dynamics", name) for name in registry.list_entries("dynamics")]
    works = [f"dynamics={dynamics.name} loss={x.name}" for x in losses if x.trains(dynamics)]
    works += [f"dynamics={x.name} loss={loss.name}" for x in others if loss.trains(x)]
    missing, untaught = loss.requires - dynamics.provides, dynamics.taught_by - loss.requires
    why = f"needs {_listed(missing)}, which dynamics={dynamics.name} does not have"
    if not missing:
        why = f"does not train the {_listed(untaught)} of dynamics={dynamics.name}"
    raise ConfigError(f"loss={loss.name} {why}; these work: {'; '.join(works) or 'none'}")


def loss_of(dynamics: registry.Entry) -> str:
    """The loss that a dynamics learns by unless another one is typed."""
    return str(dynamics.facts.get("default_loss") or FOLLOWED["loss"])


def _listed(capabilities: Iterable[str]) -> str:
    return ", ".join(sorted(capabilities))


def _parse(overrides: list[str]) -> list[Override]:
    parser, parsed = OverridesParser.create(), []
    for text in overrides:
        try:
            parsed.append(parser.parse_override(text))
        except HydraException as error:
            raise ConfigError(f"'{text}' is not KEY=VALUE: {_meant(text) or _first_line(error)}") from error
    return parsed


def _meant(word: str) -> str:
    """How a bare word is typed that is the name of a kind, or of an entry."""
    kind = next((kind for kind in CONFIGURED if word == kind or word in registry.list_entries(kind)), "")
    return kind and f"type {kind}={'NAME' if word == kind else word}"


def _plugin_files(override: Override) -> list[str]:
    if override.key_or_group != "plugins":
        return []
    value = override.value()
    return [str(file) for file in (value if isinstance(value, list) else [value])]


def _compose(overrides: list[str]) -> DictConfig:
    with _configs():
        return hydra_compose("train", overrides)


def _configs() -> initialize_config_dir:
    return initialize_config_dir(str(data_dir("configs")), version_base=VERSION_BASE, job_name="train")


def _follow(dynamics: Mapping[str, Mapping[str, Any]], kind: str, name: str) -> str:
    return str(dynamics.get(name, {}).get(f"default_{kind}") or FOLLOWED[kind])


def _check_choice(override: Override) -> None:
    group = override.key_or_group
    if group not in GROUPS or override.is_delete():
        return
    known = options(group)
    try:
        values = list(override.sweep_iterator()) if override.is_sweep_override() else [override.value()]
    except HydraException as error:  # of a glob
        raise ConfigError(f"{override.input_line}: name the options of {group}: {', '.join(known)}") from error
    for value in values:
        name = str(value)
        if name in known or "${" in name:
            continue
        if group != "env":
            raise ConfigError(unknown(group, name, known))
        ConfigStore.instance().store(group="env", name=name, node=named_env(name))


def _check_launcher(override: Override) -> None:
    """ConfigError, with the install command, for a launcher whose extra is not installed."""
    if override.key_or_group != "hydra/launcher" or override.is_sweep_override():
        return
    for family, (distribution, extra) in LAUNCHERS.items():
        if str(override.value()).startswith(family) and not any(metadata.distributions(name=distribution)):
            raise ConfigError(f"hydra/launcher={override.value()} is not installed: pip install 'wmzoo[{extra}]'")


def _explain(error: Exception, overrides: list[str], parsed: list[Override]) -> str:
    choices = [_one(text, o) for text, o in zip(overrides, parsed, strict=True) if o.key_or_group in GROUPS]
    if len(choices) < len(overrides):
        try:
            base = _compose(choices)
        except Exception:
            return _first_line(error)
        for override in parsed:
            key = override.key_or_group
            if key in GROUPS or override.is_add() or override.is_force_add() or key.startswith("hydra"):
                continue
            if OmegaConf.select(base, key, default=base) is base:
                told = unknown("key", key, _beside(base, key), _near(key, _keys(base)))
                return f"{told} (a new key is typed +{key}=…)"
    return _first_line(error)


def _one(text: str, override: Override) -> str:
    """The override itself, or of a sweep the one with its first value."""
    return f"{override.key_or_group}={next(override.sweep_iterator())}" if override.is_sweep_override() else text


def _keys(node: DictConfig, prefix: str = "") -> list[str]:
    """Every key below `node`, dotted."""
    keys: list[str] = []
    for name in node:
        name = str(name)
        keys.append(prefix + name)
        child = node._get_node(name)
        if isinstance(child, DictConfig):
            keys += _keys(child, f"{prefix + name}.")
    return keys


def _near(key: str, keys: list[str]) -> list[str] | dict[str, str]:
    """Those that end as `key` does, as recipe.gamma for gamma; else as words, recipe.actor_lr for lr; else all.

    In the form that `unknown` takes.
    """
    end = key.rpartition(".")[2]
    for before in (".", "_"):
        if found := [each for each in keys if each.endswith(f"{before}{end}")]:
            return {key: " or ".join(found)}
    return keys


def _beside(cfg: DictConfig, key: str) -> list[str]:
    """The keys beside `key`; those of the top level where its parent does not exist either."""
    parent = key.rpartition(".")[0]
    node = OmegaConf.select(cfg, parent) if parent else cfg
    return _keys(node, f"{parent}.") if parent and isinstance(node, DictConfig) else [str(name) for name in cfg]


def _first_line(error: Exception) -> str:
    """The cause's first line: Hydra wraps OmegaConf's errors, and both append hints for programmers."""
    return one_line(error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else error)

"""The config.yaml of a bundle: written with a seal, read as what it may be, somebody else's.

It is the composed config (names, never import paths) with a block `checkpoint: {format, obs_dim, act_dim, iteration,
env_steps}`, and in it, where there are any, the origin, the plugin files (name, path, sha256) and the installed
distributions of its entries. Its last line is the sha256 of the text above.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from wmzoo.config import recipe, rules
from wmzoo.config.values import WIDEST
from wmzoo.errors import DamagedFile, WmzooError, about_file, one_line
from wmzoo.registry import CONFIGURED, get, list_entries
from wmzoo.registry.cards import BUILT_IN
from wmzoo.registry.plugins import load_files, loaded, why_unknown
from wmzoo.storage.foreign import parse_config

CONFIG = "config.yaml"
FORMAT = 1
SOURCE = ("file", "sha256", "layout")  # of a checkpoint that was converted from another project's file
log = logging.getLogger("wmzoo")


def block(cfg: DictConfig, before: Any, obs_dim: int, act_dim: int, iteration: Any, env_steps: Any) -> dict[str, Any]:
    """The block `checkpoint` of a config; `before`, the one it had when it was loaded, is kept where nothing is new."""
    made: dict[str, Any] = {
        "format": FORMAT,
        "obs_dim": obs_dim,
        "act_dim": act_dim,
        "iteration": before.get("iteration") if iteration is None else iteration,
        "env_steps": before.get("env_steps") if env_steps is None else env_steps,
    }
    plugins = [plugin for plugin in loaded() if plugin["path"] in (cfg.get("plugins") or [])]
    kept = {
        "origin": before.get("origin"),
        "plugins": plugins or before.get("plugins"),
        "distributions": _distributions(cfg) or before.get("distributions"),
    }
    return made | {name: value for name, value in kept.items() if value}


def _distributions(cfg: DictConfig) -> list[str]:
    """The installed distributions whose entries the config chooses, as "name version"."""
    chosen = [(kind, OmegaConf.select(cfg, f"{kind}.name")) for kind in CONFIGURED]
    owners = {get(kind, name).owner for kind, name in chosen if name in list_entries(kind)}
    return sorted(owner for owner in owners if owner != BUILT_IN and not Path(owner).is_absolute())


def sealed(cfg: DictConfig) -> str:
    """The text of a config whose last block is `checkpoint`, with the text's sha256 as that block's last line."""
    text = OmegaConf.to_yaml(cfg)
    return f"{text}  sha256: {sha256(text.encode()).hexdigest()}  # of all above; delete this line to change the file\n"


def _seal_holds(text: str) -> bool:
    """Whether the text has no seal, or the right one."""
    seal = re.search(r"^  sha256: ([0-9a-f]{64})[^\n]*\n*\Z", text, re.MULTILINE)
    return seal is None or sha256(text[: seal.start()].encode()).hexdigest() == seal[1]


def load_config(bundle: Path) -> DictConfig:
    """The composed config of a bundle, with its checked `checkpoint` block. WmzooError, naming the file, otherwise."""
    file = bundle / CONFIG
    try:
        text = file.read_text(encoding="utf-8")
        cfg = OmegaConf.create(parse_config(text))
        names = ("obs_dim", "act_dim", "iteration", "env_steps", "format", "origin")
        found = {name: OmegaConf.select(cfg, f"checkpoint.{name}") for name in names}
        unset = sorted(OmegaConf.missing_keys(cfg))
    except OSError as error:
        raise WmzooError(about_file(error)) from error
    except (ValueError, OmegaConfBaseException) as error:
        raise DamagedFile(f"{file}: cannot read it ({one_line(error)})") from error
    dims, counts = [found["obs_dim"], found["act_dim"]], [found["iteration"], found["env_steps"]]
    if not all(type(dim) is int and 0 < dim <= WIDEST for dim in dims):
        raise DamagedFile(f"{file}: not a bundle's config: it has no checkpoint.obs_dim and act_dim that make sense")
    if not all(count is None or (type(count) is int and count >= 0) for count in counts):
        raise DamagedFile(f"{file}: checkpoint.iteration and env_steps are no numbers")
    if unset:
        raise DamagedFile(f"{file}: {unset[0]} has no value")
    if not _is_origin(found["origin"]):
        raise DamagedFile(f"{file}: its checkpoint.origin is none")
    if found["format"] != FORMAT:
        raise WmzooError(
            f"{file}: checkpoint.format is {found['format']}; this version of wmzoo reads {FORMAT}: take the version "
            f"that wrote it"
        )
    if not _seal_holds(text):
        raise DamagedFile(f"{file}: damaged, or changed by hand: if you changed it, delete its last line, the sha256")
    for node, added in ((cfg, rules.ADDED), (cfg.get("recipe"), recipe.added())):
        if isinstance(node, DictConfig):
            node.update({key: value for key, value in added.items() if key not in node})
    cfg.checkpoint = {**cfg.checkpoint, "iteration": found["iteration"], "env_steps": found["env_steps"]}
    return cfg


def _is_origin(origin: Any) -> bool:
    """Whether a model card can be made of it."""
    if origin is None:
        return True
    if not isinstance(origin, DictConfig) or not isinstance(origin.get("versions", origin), DictConfig):
        return False
    if not isinstance(origin.get("hub", ""), str):
        return False
    source = origin.get("source", OmegaConf.create({"file": "", "sha256": "", "layout": ""}))
    if not isinstance(source, DictConfig) or not all(isinstance(source.get(name), str) for name in SOURCE):
        return False
    result = origin.get("result", OmegaConf.create({"mean": 0, "std": 0, "episodes": 0, "seed": 0}))
    names = ("mean", "std", "episodes", "seed")
    return isinstance(result, DictConfig) and all(type(result.get(name)) in (int, float) for name in names)


def check_config(bundle: Path, cfg: DictConfig, needed: Iterable[str] = ()) -> None:
    """WmzooError, naming the bundle's file, for a value that makes no sense and a needed key that is not there."""
    try:
        rules.check(cfg, needed)
    except (WmzooError, OmegaConfBaseException) as error:
        raise WmzooError(f"{bundle / CONFIG}: {one_line(error)}{plugins_hint(cfg)}") from error


def load_known_plugins(cfg: DictConfig) -> None:
    """Runs the plugins that a bundle names, as far as this user has run exactly these files before.

    Of one that was asked for and has changed since the training, a line says so.
    """
    now = {plugin["path"]: plugin["sha256"] for plugin in loaded()}
    for path, digest in _recorded_plugins(cfg):
        if path not in now:
            load_files([] if why_unknown(path, digest) else [path])
        elif now[path] != digest:
            log.warning("plugin %s has changed since the training", path)


def plugins_hint(cfg: DictConfig) -> str:
    """What to add to an error about a config that needs plugins; they never run unasked, it may be a stranger's."""
    files = dict.fromkeys(map(str, _list(cfg.get("plugins"))), "")
    for path, digest in _recorded_plugins(cfg):
        why = why_unknown(path, digest)
        files[path] = f" ({why})" if why else ""
    hint = f"; it was trained with plugin {' and '.join(path + why for path, why in files.items())}" if files else ""
    hint += ", which --plugin FILE loads" if files else ""
    packages = _list((cfg.get("checkpoint") or {}).get("distributions"))
    return hint + "".join(f"; it was trained with the installed distribution {package}" for package in packages)


def _recorded_plugins(cfg: DictConfig) -> list[tuple[str, str]]:
    """Path and sha256 of each."""
    recorded = [plugin for plugin in _list(cfg.checkpoint.get("plugins")) if isinstance(plugin, dict)]
    return [(str(plugin.get("path")), str(plugin.get("sha256"))) for plugin in recorded]


def _list(node: Any) -> list[Any]:
    """The list that a config has here; empty for anything else."""
    return OmegaConf.to_container(node) if isinstance(node, ListConfig) else []  # type: ignore[return-value]

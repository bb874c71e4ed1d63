"""Entries from outside the repository: plugin files, and the installed distributions' entries, are loaded here."""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path

from wmzoo.errors import named
from wmzoo.registry.cards import RegistryError
from wmzoo.registry.catalogue import add, is_added, owner, resolve, signature_defaults
from wmzoo.registry.installed import entry_point_entries
from wmzoo.registry.siblings import make_importable, siblings
from wmzoo.storage.files import file_sha256

log = logging.getLogger("wmzoo")
_loaded: dict[Path, str] = {}  # file -> sha256


def load_files(paths: Iterable[str | Path]) -> list[Path]:
    """Run each plugin file once, so that its `@wmzoo.register` take effect. Returns the absolute paths."""
    return [load_file(path) for path in paths]


def load_file(path: str | Path) -> Path:
    """Run one plugin file; a file already loaded is not run again unless its content has changed."""
    file = Path(path).expanduser().resolve()
    if not file.is_file():
        raise RegistryError(f"plugin {path}: no such file (seen from {Path.cwd()})")
    digest = file_sha256(file)
    if _loaded.get(file) == digest:
        return file
    name = _module(file)
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise RegistryError(f"plugin {file}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    make_importable(file)
    try:
        with owner(str(file)):
            spec.loader.exec_module(module)
    except (RegistryError, KeyboardInterrupt):
        raise
    except BaseException as error:  # sys.exit() in a plugin must not end us, and least of all with success
        raise RegistryError(f"plugin {file} does not load: {named(error, None)}") from error
    _loaded[file] = digest
    for part in (file, *siblings(file)):
        _remember(part, file_sha256(part))
    return file


def _module(file: Path) -> str:
    """The name under which a plugin file is imported."""
    return f"wmzoo_plugin_{file.stem}_{hashlib.sha256(str(file).encode()).hexdigest()[:8]}"


def modules() -> dict[str, str]:
    """The files of the plugins that were run, by the names of their modules: what a PluginImporter takes."""
    return {_module(file): str(file) for file in _loaded}


class PluginImporter(MetaPathFinder):
    """Lets a worker process import what a plugin file defines: it runs the file when something of it is asked for."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = files

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        return importlib.util.spec_from_file_location(name, self.files[name]) if name in self.files else None


def why_unknown(path: str, digest: str) -> str:
    """Why a plugin file that a checkpoint names is not run unasked.

    Empty if its user has run just this file before, and just those beside it that it imports.
    """
    try:
        if file_sha256(Path(path)) != digest:
            return "it has changed since"
        remembered = set(_memory().read_text(encoding="utf-8").splitlines())
        parts = (Path(path), *siblings(Path(path)))
        new = [part for part in parts if f"{file_sha256(part)}  {part}" not in remembered]
    except (OSError, ValueError):
        new = [Path(path)]
    if not new:
        return ""
    if new[0] != Path(path):
        return f"you have not run it before with {new[0].name} as it is now"
    return "you have not run it before" if Path(path).is_file() else "it is not there"


def _memory() -> Path:
    """The plugin files that this user has run: a line `sha256  path` each."""
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "wmzoo" / "plugins"


def _remember(file: Path, digest: str) -> None:
    memory, line = _memory(), f"{digest}  {file}"
    with suppress(OSError, RuntimeError, ValueError):  # without a home to write to, `--plugin` has to be typed again
        if not memory.exists() or line not in memory.read_text(encoding="utf-8").splitlines():
            memory.parent.mkdir(parents=True, exist_ok=True)
            with memory.open("a", encoding="utf-8") as lines:
                lines.write(f"{line}\n")


def loaded() -> list[dict[str, str]]:
    """Name, path and sha256 of every plugin file loaded, for the run folder and checkpoints."""
    return [{"name": file.stem, "path": str(file), "sha256": digest} for file, digest in _loaded.items()]


def load_entry_points() -> None:
    """Import the distributions' entries, so that their parameters are known; `@register` may have given more facts.

    One that cannot be imported gets a warning here, and is an error for whoever builds it.
    """
    for key, entry in entry_point_entries().items():
        if is_added(*key):
            continue
        try:
            obj = resolve(entry)
        except RegistryError as error:
            log.warning("%s", error)
            continue
        if not is_added(*key):
            summary = (obj.__doc__ or "").strip().partition("\n")[0]
            add(replace(entry, params=signature_defaults(obj), summary=summary))

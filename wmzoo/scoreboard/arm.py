"""What `wmzoo bench` is asked to train: an entry by its name, or the one that a plugin file registers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from wmzoo.config.added import chosen
from wmzoo.config.composition import plugin_files
from wmzoo.errors import WmzooError, unknown
from wmzoo.registry import get, list_entries, plugins

KINDS = ("dynamics", "loss", "integrator")  # a name of several kinds means the first
SAID_ELSEWHERE = {"seed": "--seeds N", "env": "--tasks NAME,NAME", "run_dir": "--root DIR", "experiment": "nothing"}
LONGEST = 60  # letters of a name


@dataclass(frozen=True)
class Arm:
    """name: of its folders, what was typed besides the entry in it. overrides: what makes it. plugins: its files."""

    name: str
    overrides: tuple[str, ...]
    plugins: tuple[str, ...] = ()


def read_arm(what: str, typed: Sequence[str] = ()) -> Arm:
    """The arm of an entry's name, or of a plugin file, which is run; typed: overrides that belong to it.

    WmzooError for a name that is no dynamics, loss or integrator, for a file that registers none of them or several,
    and for overrides that the suite has options for.
    """
    files = [file for text in typed if text.startswith("plugins=") for file in plugin_files(text)]
    typed = [text for text in typed if not text.startswith("plugins=")]
    is_file = what.endswith(".py") or Path(what).is_file()
    loaded = [str(file) for file in plugins.load_files([*files, *([what] if is_file else [])])]
    if is_file:
        choice = _registered(what, loaded[-1], typed)
        typed = [text for text in typed if text != choice]
    else:
        choice = f"{_kind(what)}={what}"
    for text in typed:
        key = text.lstrip("+").partition("=")[0]
        if key in SAID_ELSEWHERE:
            raise WmzooError(f"{text}: the suite says that; in its place there is {SAID_ELSEWHERE[key]}")
    kind, _, name = choice.partition("=")
    return Arm(_name(name, typed), (chosen(get(kind, name)), *typed), tuple(loaded))


def _kind(name: str) -> str:
    kind = next((kind for kind in KINDS if name in list_entries(kind)), None)
    if kind is None:
        there = [entry for kind in KINDS for entry in list_entries(kind)]
        raise WmzooError(unknown("dynamics, loss, integrator or file", name, dict.fromkeys(there)))
    return kind


def _registered(what: str, file: str, typed: Sequence[str]) -> str:
    """`dynamics=NAME` of the one that a file registers, or of its several that is typed; of a file without one, its
    loss or integrator likewise."""
    for kind in KINDS:
        own = [f"{kind}={name}" for name in list_entries(kind) if get(kind, name).owner == file]
        named = [text for text in typed if text in own] or own
        if len(named) > 1:
            raise WmzooError(f"{what}: registers several, of which one is trained: add {' or '.join(own)}")
        if named:
            return named[0]
    raise WmzooError(f"{what}: registers no {', '.join(KINDS[:-1])} or {KINDS[-1]}: nothing that could be compared")


def _name(entry: str, typed: Sequence[str]) -> str:
    """A folder's, which can stand after run_dir= as it is."""
    name = "-".join([entry, *(re.sub(r"[^\w.]+", "-", text).strip("-") for text in typed)])
    if len(name) <= LONGEST:
        return name
    return f"{entry}-{sha256(' '.join(typed).encode()).hexdigest()[:8]}"

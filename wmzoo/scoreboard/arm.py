"""What `wmzoo bench` is asked to train: an entry by its name, or the one that a plugin file registers."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from wmzoo.config.added import chosen
from wmzoo.config.composition import compose, plugin_files
from wmzoo.errors import WmzooError, unknown
from wmzoo.registry import get, list_entries, plugins
from wmzoo.storage.foreign import parse_yaml

KINDS = ("dynamics", "loss", "integrator")  # a name of several kinds means the first
SAID_ELSEWHERE = {"seed": "--seeds N", "env": "--tasks NAME,NAME", "run_dir": "--root DIR", "experiment": "nothing"}
LONGEST = 60  # letters of a name
# An integrator trains, too: else flows learn with their card's own Euler step, and all integrators have equal weights.
OWN_STEPS = ("dynamics.train_integrator=null", "dynamics.train_substeps=null")


@dataclass(frozen=True)
class Arm:
    """name: of its folders, what was typed besides the entry in it. overrides: what makes it, the entry first.
    plugins: its files."""

    name: str
    overrides: tuple[str, ...]
    plugins: tuple[str, ...] = ()

    def notes(self, dynamics: Mapping[str, object], default_loss: str) -> list[str]:
        """Of a loss or an integrator the dynamics that it was tried with, and how that is trained otherwise.

        dynamics: its node of a composed config of the arm. default_loss: what it learns by unless told.
        """
        kind, entry = entry_of(self.overrides)
        with_it = f"{self.name} is {entry} with dynamics={dynamics['name']}"
        if kind == "loss" and get(kind, entry).regularises:
            return [f"{with_it}, added to its own loss, {default_loss}"]
        if kind == "loss":
            return [f"{with_it}, whose own loss is {default_loss}"]
        if kind == "integrator" and dynamics.get("train_integrator", kind) is None:
            return [f"{with_it}, which is trained with it, too ({' '.join(OWN_STEPS)})"]
        return [with_it] if kind == "integrator" else []


def entry_of(overrides: Sequence[str]) -> tuple[str, str]:
    """Kind and name of the entry that an arm trains, by its first override: `loss=mse`, or what `loss.add` adds."""
    key, _, value = overrides[0].partition("=")
    kind, _, adds = key.partition(".")
    return kind, parse_yaml(value)[0]["name"] if adds else value


def typed_words(overrides: Sequence[str]) -> list[str]:
    """Of an arm's overrides those that were typed after the entry."""
    first, *others = overrides
    return [word for word in others if not (first.startswith("integrator=") and word in OWN_STEPS)]


def command_of(overrides: Sequence[str]) -> str:
    """What makes the row of one of the zoo's entries, by its overrides."""
    return shlex.join(["wmzoo", "bench", entry_of(overrides)[1], *typed_words(overrides)])


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
    kind, _, entry = choice.partition("=")
    name, added = _name(entry, typed), _added(choice, typed)
    return Arm(name, (chosen(get(kind, entry)), *added, *typed), tuple(loaded))


def _added(choice: str, typed: Sequence[str]) -> tuple[str, ...]:
    """What an integrator's arm has besides, where its dynamics can train with another one: that it does not."""
    if not choice.startswith("integrator="):
        return ()
    dynamics = compose([choice, *typed]).dynamics
    return OWN_STEPS if all(word.partition("=")[0].split(".")[1] in dynamics for word in OWN_STEPS) else ()


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

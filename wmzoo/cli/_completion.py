"""Tab completion, by argcomplete. What stands for an argument is told by its metavar, so commands need add nothing.

Nothing of the user's is run for it: what plugin files register is not completed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from argcomplete.completers import FilesCompleter
from argcomplete.finders import CompletionFinder

from wmzoo.cli import list_
from wmzoo.config.choices import GROUPS, env_names, keys, options
from wmzoo.envs.task_sets import MT80, SETS
from wmzoo.registry import KINDS, list_entries
from wmzoo.registry.tasks import suites

BENCHED = ("dynamics", "loss", "integrator")
RUNS_ALONE = ("compare", "resume")  # the commands whose RUN is no checkpoint


def answer(parser: argparse.ArgumentParser) -> None:
    """Print, where the shell asks for it, what the words typed so far can be completed to, and exit."""
    for action in _actions(parser):
        completer = COMPLETERS.get(str(action.metavar)) or (nothing if action.type in (int, float) else None)
        if completer:
            action.completer = completer  # type: ignore[attr-defined]  # argcomplete's own way
    Finder()(parser, always_complete_options=False)


class Finder(CompletionFinder):
    """One for which overrides go on behind an option, as they do in `wmzoo train seed=0,1 -m dynamics=…`."""

    def collect_completions(
        self, active_parsers: list[argparse.ArgumentParser], parsed_args: argparse.Namespace, cword_prefix: str
    ) -> list[str]:
        parser = active_parsers[-1]
        if not parser.active_actions:  # type: ignore[attr-defined]
            parser.active_actions = [each for each in parser._actions if each.metavar == "KEY=VALUE"]  # type: ignore[attr-defined]
        return super().collect_completions(active_parsers, parsed_args, cword_prefix)


def nothing(**_: object) -> tuple[str, ...]:
    return ()


def overrides(prefix: str, parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """Groups and keys, the latter below a group only behind its dot; options, of several (-m) the last."""
    key, equals, value = prefix.partition("=")
    if equals:
        return [f"{key}={option}" for option in _last_of_several(value, _values(key, value))]
    typed = dict(text.split("=", 1) for text in getattr(parsed_args, "overrides", []) if "=" in text)
    known = keys({group: option for group, option in typed.items() if group in GROUPS})
    return [f"{name}=" for name in known if "." in prefix or name.partition(".")[0] not in GROUPS or name in GROUPS]


def _values(key: str, value: str) -> Iterable[str]:
    if key == "env":
        return env_names()
    if key in GROUPS:
        return options(key)
    if key == "init_from":
        return [*_folders(value), *list_entries("checkpoint")]
    return _folders(value) if key in ("data.dir", "run_dir") else ()


def _last_of_several(value: str, names: Iterable[str]) -> list[str]:
    """What is typed up to the last comma, with each name behind it."""
    before, comma, _ = value.rpartition(",")
    return [f"{before}{comma}{name}" for name in names]


def runs(prefix: str, parser: argparse.ArgumentParser, **_: object) -> list[str]:
    """Folders on the way to a run, runs, and where it may be one, a checkpoint of the catalogue."""
    shared = [] if parser.prog.split()[-1] in RUNS_ALONE else list_entries("checkpoint")
    return [*_folders(prefix), *shared]


def _folders(prefix: str) -> Iterator[str]:
    """Those that begin as `prefix`, with a slash behind all but runs."""
    from wmzoo.storage.run_layout import FACTS  # with OmegaConf, which takes a tenth of a second

    begun = prefix.rpartition("/")[2]
    before = prefix.removesuffix(begun)
    with suppress(OSError):
        for folder in sorted(Path(before or ".").expanduser().iterdir()):
            if folder.is_dir() and folder.name.startswith(begun) and folder.name[0] != ".":
                yield before + folder.name + ("" if (folder / FACTS).is_file() else "/")


def kinds(parser: argparse.ArgumentParser, parsed_args: argparse.Namespace, **_: object) -> list[str]:
    if parser.prog.endswith(" list"):
        return [*KINDS, list_.TASKS]
    return [] if parsed_args.name else list(KINDS)  # of `wmzoo show`


def entries(parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """Those of the kind that is typed, or all; tasks among those of env."""
    typed = parsed_args.kind or parsed_args.name  # one word alone is taken for the entry
    chosen = [typed] if typed in KINDS else KINDS
    return [name for kind in chosen for name in (env_names() if kind == "env" else list_entries(kind))]


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Those of a parser and of the commands below it."""
    for action in parser._actions:
        yield action
        if isinstance(action.choices, Mapping):
            for below in action.choices.values():
                yield from _actions(below)


COMPLETERS: dict[str, Callable[..., Iterable[str]]] = {
    "KEY=VALUE": overrides,
    "RUN": runs,
    "KIND": kinds,
    "ENTRY": entries,
    "SUITE": lambda parsed_args, **_: suites() if parsed_args.kind == list_.TASKS else (),
    "NAME": lambda **_: options("experiment"),
    "WHAT": lambda prefix, **_: [
        *(e for kind in BENCHED for e in list_entries(kind)),
        *FilesCompleter(("py",))(prefix),
    ],
    "NAMES": lambda prefix, **_: _last_of_several(prefix, ["standard", *env_names()]),
    "TASKS": lambda prefix, **_: _last_of_several(prefix, [*SETS, *(task.name for task in MT80)]),
}

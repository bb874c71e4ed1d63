"""`wmzoo list [KIND]`: what is in the zoo."""

from __future__ import annotations

import argparse

from wmzoo.registry import KINDS, Entry, get, list_entries
from wmzoo.registry.cards import tasks


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", nargs="?", metavar="KIND", help=f"one of {', '.join(KINDS)}; left out: all")


def run(args: argparse.Namespace) -> int:
    kinds = [args.kind] if args.kind else [kind for kind in KINDS if list_entries(kind)]
    sections = [section(kind, [get(kind, name) for name in list_entries(kind)]) for kind in kinds]
    print("\n\n".join(sections))
    return 0


def section(kind: str, entries: list[Entry]) -> str:
    """The table of one kind: names, summaries, and the owner of what is not built in."""
    rows = [(e.name, e.summary + ("" if e.built_in else f"  [{e.owner}]")) for e in entries]
    if kind == "env":
        rows += [(name, f"env={env} env.task={task}") for name, env, task in tasks()]
    width = max([len(name) for name, _ in rows], default=0)
    lines = [f"  {name:{width}}  {text}".rstrip() for name, text in rows] or ["  (none)"]
    return "\n".join([kind, *lines])

"""`wmzoo list [KIND]`: what is in the zoo; `wmzoo list tasks [SUITE]`: what can be played, by suite."""

from __future__ import annotations

import argparse

from wmzoo.errors import WmzooError, unknown
from wmzoo.registry import KINDS, Entry, get, list_entries
from wmzoo.registry.tasks import plain, presets, suites, why_missing

GROUP = "first hour"
TASKS = "tasks"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", nargs="?", metavar="KIND", help=f"{', '.join(KINDS)} or {TASKS}; left out: all entries")
    parser.add_argument("suite", nargs="?", metavar="SUITE", help="after tasks: whose; left out: every suite's")


def run(args: argparse.Namespace) -> int:
    if args.suite and args.kind != TASKS:
        raise WmzooError(f"a second word names the suite of tasks: wmzoo list {TASKS} {args.suite}")
    if args.kind == TASKS:
        sections = [tasks_of(suite) for suite in chosen(args.suite)]
    else:
        kinds = [args.kind] if args.kind else [kind for kind in KINDS if list_entries(kind)]
        sections = [section(kind, [get(kind, name) for name in list_entries(kind)]) for kind in kinds]
    print("\n\n".join(sections))
    return 0


def chosen(suite: str | None) -> list[str]:
    """The suite, or all that list their tasks. WmzooError for one that does not."""
    known = list(suites())
    if suite and suite not in known:
        raise WmzooError(unknown("suite of tasks", suite, known))
    return [suite] if suite else known


def tasks_of(suite: str) -> str:
    """The tasks of a suite, each with a preset of another name that plays it."""
    missing = why_missing(suite)
    head = f"{suite}  (not installed: {missing})" if missing else suite
    also = {preset.task: preset.name for preset in presets() if preset.suite == suite}
    also = {task: name for task, name in also.items() if plain(task) != plain(name)}
    return table(head, [(task, f"or env={also[task]}" if task in also else "") for task in suites()[suite]])


def section(kind: str, entries: list[Entry]) -> str:
    """The table of one kind: names, summaries, and the owner of what is not built in."""
    rows = [(e.name, e.summary + ("" if e.built_in else f"  [{e.owner}]")) for e in entries]
    if kind == "env":
        rows += [(name, f"env={suite} env.task={task}") for name, suite, task in presets()]
    return table(kind, rows)


def table(head: str, rows: list[tuple[str, str]]) -> str:
    width = max([len(name) for name, _ in rows], default=0)
    return "\n".join([head, *([f"  {name:{width}}  {text}".rstrip() for name, text in rows] or ["  (none)"])])

"""`wmzoo show KIND NAME`: one entry's facts, and its parameters with their defaults."""

from __future__ import annotations

import argparse

from wmzoo.registry import KINDS, get
from wmzoo.registry.cards import tasks
from wmzoo.registry.plugins import load_entry_points


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", metavar="KIND", help=f"one of {', '.join(KINDS)}")
    parser.add_argument("name", metavar="NAME", help="as `wmzoo list KIND` prints it")


def run(args: argparse.Namespace) -> int:
    named = {name: (env, task) for name, env, task in tasks()} if args.kind == "env" else {}
    suite, task = named.get(args.name, (args.name, None))
    entry = get(args.kind, suite)
    if not entry.built_in:
        load_entry_points()  # an installed one tells its parameters when imported
        entry = get(args.kind, suite)
    facts = {"target": entry.target, "reference": entry.reference, **entry.facts, "owner": entry.owner}
    facts.pop("checked_with", None)  # of interest to the contract suite alone
    print(f"{entry.kind}={args.name}  {entry.summary if task is None else f'env={suite} env.task={task}'}")
    print("\n".join(f"  {key:20}  {_text(value)}" for key, value in facts.items() if value not in ("", None, [])))
    print("parameters" if entry.params else "no parameters")
    params = {**entry.params} if task is None else {**entry.params, "task": task}
    for key, value in params.items():
        print(f"  {f'{entry.kind}.{key}':32}  {_text(value)}")
    return 0


def _text(value: object) -> str:
    """As it would be typed: YAML's words for null and truth."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

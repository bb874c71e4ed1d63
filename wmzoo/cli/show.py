"""`wmzoo show KIND NAME`: one entry's facts, and its parameters with their defaults."""

from __future__ import annotations

import argparse

from wmzoo.registry import KINDS, get


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", metavar="KIND", help=f"one of {', '.join(KINDS)}")
    parser.add_argument("name", metavar="NAME", help="as `wmzoo list KIND` prints it")


def run(args: argparse.Namespace) -> int:
    entry = get(args.kind, args.name)
    facts = {"target": entry.target, "reference": entry.reference, **entry.facts, "owner": entry.owner}
    print(f"{entry.kind}={entry.name}  {entry.summary}")
    print("\n".join(f"  {key:20}  {_text(value)}" for key, value in facts.items() if value not in ("", None, [])))
    print("parameters" if entry.params else "no parameters")
    for key, value in entry.params.items():
        print(f"  {f'{entry.kind}.{key}':32}  {_text(value)}")
    return 0


def _text(value: object) -> str:
    """As it would be typed: YAML's words for null and truth."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

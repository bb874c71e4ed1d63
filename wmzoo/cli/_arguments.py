"""What several commands ask of their arguments."""

from __future__ import annotations

import argparse

from wmzoo.errors import WmzooError


def at_least(args: argparse.Namespace, **least: int) -> None:
    """WmzooError for an argument that is given and below its least value: `at_least(args, episodes=1)`."""
    for name, low in least.items():
        value = getattr(args, name)
        if value is not None and value < low:
            raise WmzooError(f"--{name} is {value}; it must be {low} or more")


def add_measures(parser: argparse.ArgumentParser, of: str = "") -> None:
    """--score and --clock: what a run of a comparison comes to, and where its seconds are from."""
    parser.add_argument(
        "--score",
        choices=("last", "area"),
        default="last",
        help=f"{of}a run's last evaluations, or the area under its curve (default: %(default)s)",
    )
    parser.add_argument(
        "--clock",
        choices=("wall", "cpu", "pace"),
        default="wall",
        help=f"{of}seconds of the wall clock, of the processor, or at the pace of an arm's undisturbed iterations "
        "(default: %(default)s)",
    )

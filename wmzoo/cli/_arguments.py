"""What several commands ask of their arguments."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from wmzoo.errors import WmzooError

if TYPE_CHECKING:
    from wmzoo.compare.tasks import Settings


def at_least(args: argparse.Namespace, **least: int) -> None:
    """WmzooError for an argument that is given and below its least value: `at_least(args, episodes=1)`."""
    for name, low in least.items():
        value = getattr(args, name)
        if value is not None and value < low:
            raise WmzooError(f"--{name} is {value}; it must be {low} or more")


def add_measures(parser: argparse.ArgumentParser, of: str = "") -> None:
    """--score, --clock and --margin: what a run comes to, where its seconds are from, and what is not worse."""
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
    parser.add_argument(
        "--margin",
        metavar="M",
        help=f"{of}how much less is still not worse: points of return (100), or a share of a task's range (10%%)",
    )


def settings_of(args: argparse.Namespace, **others: Any) -> Settings:
    """Those of add_measures, and others. WmzooError for a margin that is none."""
    from wmzoo.compare.tasks import Settings, read_margin

    margin = None if args.margin is None else read_margin(args.margin)
    return Settings(args.score, clock=args.clock, margin=margin, **others)


def words_of(args: argparse.Namespace) -> list[str]:
    """The options of add_measures as they would be typed again, those that are not the default."""
    default = {"score": "last", "clock": "wall", "margin": None}
    return [
        word
        for name, usual in default.items()
        if (given := getattr(args, name)) != usual
        for word in (f"--{name}", given)
    ]

"""`wmzoo resume RUN [trainer.iterations=N]`: go on with a run that was interrupted or killed, or train one longer.

It goes on from the newest checkpoint, bit for bit on a CPU; rows of metrics.jsonl written after that one are cut first.
With more iterations than the run was begun with, it says when it begins what becomes of the learning rates.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from wmzoo.errors import WmzooError

GROUP = "first hour"
LONGER = "trainer.iterations"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", type=Path, metavar="RUN", help="the run folder")
    parser.add_argument(
        "overrides", nargs="*", default=[], metavar=f"{LONGER}=N", help="how many there are to be in all"
    )


def run(args: argparse.Namespace) -> int:
    from wmzoo.runs.train import resume

    resume(args.path, _iterations(args.overrides))
    return 0


def _iterations(overrides: list[str]) -> int | None:
    found = None
    for text in overrides:
        key, _, value = text.partition("=")
        if key != LONGER or not value.isdecimal():
            raise WmzooError(f"{text}: a run goes on with its own config; all that can be changed is {LONGER}=N")
        found = int(value)
    return found

"""`wmzoo resume RUN`: go on with a run that was interrupted or killed.

It goes on from the newest checkpoint, bit for bit on a CPU; rows of metrics.jsonl written after that one are cut first.
"""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", type=Path, metavar="RUN", help="the run folder")


def run(args: argparse.Namespace) -> int:
    from wmzoo.runs.train import resume

    resume(args.path)
    return 0

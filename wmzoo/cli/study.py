"""`wmzoo study run NAME`: a grid of arms × tasks × seeds, each cell a run of its own.

NAME is an `experiment=` with a block `study`, or a YAML file with that block's keys (title, overrides, arms, tasks,
seeds). Finished runs are kept and unfinished ones resumed, so the same command goes on after Ctrl-C or a crash.
"""

from __future__ import annotations

import argparse
import signal
from functools import partial
from pathlib import Path

from wmzoo.errors import WmzooError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=["run"], metavar="run", help="run: train what is missing")
    parser.add_argument("name", metavar="NAME", help="an experiment with a block `study`, or a YAML file")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="runs at a time (default: 1)")
    parser.add_argument(
        "--root",
        type=Path,
        default=Path("runs/studies"),
        metavar="DIR",
        help="where studies are (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    from wmzoo.study import Runner, read_study

    if args.workers < 1:
        raise WmzooError(f"--workers is {args.workers}; it must be 1 or more")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the end of a cluster's job is a Ctrl-C
    Runner(read_study(args.name), args.root, args.workers, partial(print, flush=True), args.plugin).run()
    return 0

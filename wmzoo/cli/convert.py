"""`wmzoo convert SRC DST`: a checkpoint of TD-MPC2 or PWM as one of wmzoo.

Every size is read off the tensors. What they do not tell is taken as published, and can be typed: `model.bin_range=5`,
`env=…`, any key of `wmzoo train`. A policy comes along where PWM saved one, and with it the running statistics of
observations and rewards. Nothing in the file is run: those statistics are objects in PWM's files, of which only the
numbers are read, and a file that holds any other objects is refused.
"""

from __future__ import annotations

import argparse
from pathlib import Path

GROUP = "adding and sharing"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, metavar="SRC", help="a file that torch.save wrote")
    parser.add_argument("folder", type=Path, metavar="DST", help="of the checkpoint; new, or empty")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="as of `wmzoo train`")


def run(args: argparse.Namespace) -> int:
    from wmzoo.importers.convert import convert

    print("\n".join(convert(args.source, args.folder, args.overrides)))
    return 0

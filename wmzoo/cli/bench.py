"""`wmzoo bench WHAT [KEY=VALUE …]`: a dynamics, loss or integrator on the standard suite, beside the zoo's own.

WHAT is a name of the zoo (of several kinds: the dynamics), or a plugin file. Overrides become part of the arm. Its
trainings (experiment=standard: six tasks, 250 thousand agent steps), their diagnoses and the time of an iteration
against the mlp's make a row of figures and a report; what others are compared with comes with wmzoo, so that nothing
else is trained. The same command goes on after Ctrl-C or a crash, and with more steps or seeds.
"""

from __future__ import annotations

import argparse
import shlex
import signal
from functools import partial
from pathlib import Path

from wmzoo.cli._arguments import at_least

GROUP = "comparing"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", metavar="WHAT", help="a dynamics, a loss, an integrator, or a file that registers one")
    parser.add_argument(
        "overrides", nargs="*", metavar="KEY=VALUE", help="as of `wmzoo train`: part of what is trained"
    )
    parser.add_argument(
        "--tasks", default="standard", metavar="NAMES", help="NAME,NAME as after env= (default: those of the suite)"
    )
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="0 to N-1 (default: %(default)s)")
    parser.add_argument(
        "--steps", type=int, metavar="N", help="agent steps of a run, for a cheap look, at most the suite's (default)"
    )
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="runs at a time (default: %(default)s)")
    parser.add_argument(
        "--root", type=Path, default=Path("runs/bench"), metavar="DIR", help="of all arms (default: %(default)s)"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="of the report (default: ROOT/NAME/report)")


def run(args: argparse.Namespace) -> int:
    at_least(args, seeds=1, steps=1, workers=1)
    from wmzoo.config.composition import plugins_override
    from wmzoo.scoreboard.arm import read_arm
    from wmzoo.scoreboard.bench import Bench
    from wmzoo.scoreboard.suite import shortfall, study_of
    from wmzoo.studies.grid import folder_of
    from wmzoo.studies.launchers import Local

    plugins = [plugins_override(args.plugin)] if args.plugin else []
    arm = read_arm(args.what, [*plugins, *args.overrides])
    study, cfgs = study_of(arm, args.tasks, args.seeds, args.steps)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the end of a cluster's job is a Ctrl-C
    launcher, say = Local(threads=1 if args.workers > 1 else None), partial(print, flush=True)
    said = [*filter(None, [shortfall(cfgs, args.steps)])]
    bench = Bench(arm, study, cfgs, args.root, command(args), launcher, args.workers, say, said)
    print("\n".join(bench.run(args.out or folder_of(study, args.root) / "report")))
    return 0


def command(args: argparse.Namespace) -> str:
    """The command line that goes on with the same."""
    words = ["wmzoo", "bench", args.what, *args.overrides]
    words += [word for file in args.plugin for word in ("--plugin", file)]
    if args.tasks != "standard":
        words += ["--tasks", args.tasks]
    words += ["--seeds", str(args.seeds)]
    if args.steps is not None:
        words += ["--steps", str(args.steps)]
    for name, default in (("root", Path("runs/bench")), ("out", None)):
        if getattr(args, name) != default:
            words += [f"--{name}", str(getattr(args, name))]
    return shlex.join(words)

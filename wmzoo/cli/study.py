"""`wmzoo study run|diagnose|report|tune NAME`: a grid of arms × tasks × seeds, each cell a run of its own; or a search.

NAME is an `experiment=` with a block `study`, or a YAML file with that block's keys (title, overrides, arms, tasks,
seeds). `run` trains what is missing: finished runs are kept and unfinished ones resumed, so the same command goes on
after Ctrl-C or a crash. `diagnose` then runs `wmzoo diagnose` on every finished run, with --along ARM on the
trajectories of that arm's run of the same task and seed, and `report` compares the arms.

`tune` (the extra `tune`) tries values of keys by Optuna, and ends with the best trials and the command that trains the
best one. Its block has `search` in the place of arms; what may be left out is shown as it then is:

    search:
      dynamics: [mlp, flow]                               # one of these
      recipe.actor_lr: {from: 1e-4, to: 1e-2, log: true}  # a number between these; also step: 8
    tasks: [cartpole_swingup]
    seeds: [100]             # each trial is a training on every task with every one of them, all at a time
    trials: 30               # in all; a greater number goes on with a finished search
    pruner: median           # after an evaluation; or hyperband, or none
    startup: 5               # trials that come to their end before the median prunes one
    last: 3                  # evaluations of a run whose mean counts, over tasks and seeds
    ranges: {}               # Hopper-v5: [0, 3000], returns that count 0 and 1, for tasks without a range of their own
"""

from __future__ import annotations

import argparse
import signal
from functools import partial
from pathlib import Path

from wmzoo.cli._arguments import add_measures, at_least, settings_of, words_of
from wmzoo.errors import WmzooError

GROUP = "comparing"
STEPS = ("run", "diagnose", "report", "tune")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("step", choices=STEPS, metavar="STEP", help="run, diagnose, report or tune")
    parser.add_argument("name", metavar="NAME", help="an experiment with a block `study`, or a YAML file")
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="runs, or of tune trials, at a time (default: 1)"
    )
    parser.add_argument(
        "--root", type=Path, default=Path("runs/studies"), metavar="DIR", help="their folder (default: %(default)s)"
    )
    parser.add_argument("--along", metavar="ARM[/SEED]", help="of diagnose: every run on its policies' trajectories")
    parser.add_argument("--checkpoints", action="store_true", help="of diagnose: every checkpoint that was kept")
    parser.add_argument("--out", type=Path, metavar="DIR", help="of the report (default: ROOT/NAME-report)")
    add_measures(parser, "of the report: ")


def run(args: argparse.Namespace) -> int:
    from wmzoo.studies.grid import diagnoses, read_study, report, trainings
    from wmzoo.studies.jobs import Runner
    from wmzoo.studies.launchers import Local

    at_least(args, workers=1)
    if args.step != "diagnose" and (args.along is not None or args.checkpoints):
        raise WmzooError("--along and --checkpoints are of wmzoo study diagnose")
    if args.step == "tune":
        return tune(args)
    study = read_study(args.name)
    if args.step == "report":
        out = args.out or args.root / f"{study.name}-report"
        print("\n".join(report(study, args.root, out, settings_of(args), words_of(args))))
        return 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the end of a cluster's job is a Ctrl-C
    diagnosing = args.step == "diagnose"
    jobs = diagnoses(study, args.root, args.along, args.checkpoints) if diagnosing else trainings(study, args.root)
    launcher = Local(threads=1 if args.workers > 1 else None)
    goes_on = f"wmzoo study {args.step} {study.spec}"
    goes_on += f" --along {args.along}" * bool(args.along) + " --checkpoints" * args.checkpoints
    Runner(jobs, launcher, args.workers, partial(print, flush=True), goes_on, args.plugin).run()
    return 0


def tune(args: argparse.Namespace) -> int:
    from wmzoo.studies.launchers import Local
    from wmzoo.studies.search import read_search
    from wmzoo.studies.tune import Tuner

    search = read_search(args.name)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    several = args.workers > 1 or len(search.tasks) * len(search.seeds) > 1
    launcher = Local(threads=1 if several else None)
    goes_on, folder = f"wmzoo study tune {search.spec}", args.root / f"{search.name}-tune"
    found = Tuner(search, folder, launcher, args.workers, partial(print, flush=True), goes_on, args.plugin).run()
    print("\n".join(found))
    return 0

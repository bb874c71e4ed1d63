"""`wmzoo mt30 --data DIR`: one world model per dynamics from a data set, then a policy for each of its tasks.

DIR is a data set as `wmzoo data convert` makes it, MT30's or another; --mini collects a small one first. The steps are
pretraining, extraction (with the model frozen and fine-tuned), evaluation and a report; finished runs are kept and
unfinished ones resumed, so the same command goes on after Ctrl-C or a crash. Further arguments override every run's.
"""

from __future__ import annotations

import argparse
import signal
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from wmzoo.cli._arguments import at_least
from wmzoo.errors import WmzooError

if TYPE_CHECKING:
    from wmzoo.studies.extraction import Plan
    from wmzoo.studies.jobs import Job
    from wmzoo.studies.launchers import Launcher

GROUP = "many tasks"
FULL, MINI = "mt30", "mt30_mini"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="of every run, as for `wmzoo train`")
    parser.add_argument("--data", type=Path, metavar="DIR", help="the data set; with --mini it may be left out")
    parser.add_argument("--out", type=Path, default=Path("runs/mt30"), metavar="DIR", help="(default: %(default)s)")
    parser.add_argument("--mini", action="store_true", help=f"experiment={MINI}: for two CPU cores, on collected data")
    parser.add_argument("--experiment", metavar="NAME", help=f"another plan than experiment={FULL}")
    parser.add_argument("--launcher", choices=("local", "slurm"), default="local", help="(default: local)")
    parser.add_argument(
        "--slurm", action="append", default=[], metavar="KEY=VALUE", help="of the jobs, as slurm_partition=gpu"
    )
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="runs at a time (default: 1)")
    parser.add_argument("--episodes", type=int, default=10, metavar="N", help="of every evaluation (default: 10)")
    parser.add_argument("--report", action="store_true", help="write the report of what there is, and stop")


def run(args: argparse.Namespace) -> int:
    from wmzoo.studies.extraction import check_data, evaluations, extractions, policies, pretrainings, read_plan, set_of

    at_least(args, workers=1, episodes=1)
    plan = read_plan(args.experiment or (MINI if args.mini else FULL), args.overrides)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the end of a cluster's job is a Ctrl-C
    data = args.data or collected(plan, args.out)
    chosen, names = set_of(data)
    wanted = policies(plan, args.out, names)
    if not args.report:
        check_data(plan, data)
        start = partial(run_all, launcher=launcher_of(args), args=args)
        start(pretrainings(plan, data, args.out))
        start(extractions(plan, data, args.out, chosen, wanted))
        start(evaluations(wanted, args.episodes))
    report(plan, data, args, chosen, names)
    return 0


def collected(plan: Plan, out: Path) -> Path:
    """The data set of the plan's `collect`, in out/data: collected and converted now, if that was not done."""
    if plan.collect is None:
        raise WmzooError(f"experiment={plan.experiment} collects no data: --data DIR, as `wmzoo data convert` makes it")
    from wmzoo.data.collect import collect, uniform
    from wmzoo.data.convert import convert
    from wmzoo.envs.task_sets import task_set

    tasks, chunks = task_set(plan.collect["tasks"]), out / "chunks"
    print(f"random episodes of {len(tasks)} tasks: {chunks}", flush=True)
    collect(tasks, int(plan.collect["episodes"]), uniform, chunks, 0, {"policy": "random"})
    convert([chunks], out / "data")
    return out / "data"


def launcher_of(args: argparse.Namespace) -> Launcher:
    """Processes of this machine, or jobs of a cluster with the options of --slurm."""
    from wmzoo.studies.launchers import Local, Slurm

    if args.launcher == "local":
        if args.slurm:
            raise WmzooError("--slurm is for --launcher slurm")
        return Local(threads=1 if args.workers > 1 else None)
    words = [word.partition("=") for word in args.slurm]
    return Slurm({key: int(value) if value.isdigit() else value for key, _, value in words})


def run_all(jobs: Sequence[Job], launcher: Launcher, args: argparse.Namespace) -> None:
    from wmzoo.studies.jobs import Runner

    Runner(jobs, launcher, args.workers, partial(print, flush=True), command(args), args.plugin).run()


def command(args: argparse.Namespace) -> str:
    """What goes on with it, and what makes the report again."""
    words = ["wmzoo mt30", *args.overrides, *(["--mini"] if args.mini else [])]
    words += [f"--experiment {args.experiment}"] if args.experiment else []
    words += [f"--data {args.data}"] if args.data else []
    return " ".join([*words, f"--out {args.out}"])


def report(plan: Plan, data: Path, args: argparse.Namespace, chosen: str, names: Sequence[str]) -> None:
    from wmzoo.studies.extraction_report import words, write_report
    from wmzoo.studies.extraction_results import read_results

    results = read_results(plan, data, args.out, names, args.episodes)
    title = f"Policies extracted from {chosen.upper() if chosen in ('mt30', 'mt80') else 'collected data'}"
    page = write_report(results, args.out / "report", title, [command(args)], chosen)
    print("\n".join([*words(results), f"report: {page}"]))

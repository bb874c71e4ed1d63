"""`wmzoo mt30 --data DIR`: one world model per dynamics from a data set, then a policy for each of its tasks.

DIR is a data set as `wmzoo data convert` makes it, MT30's or another; --mini makes a small one first. The steps are
pretraining, extraction (with the model frozen and fine-tuned), evaluation and a report; finished runs are kept and
unfinished ones resumed, so the same command goes on after Ctrl-C or a crash. Further arguments override every run's.

--plan trains nothing: it says what the job takes here, bytes, memory and hours, by a probe of every stage.
"""

from __future__ import annotations

import argparse
import shlex
import signal
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wmzoo.cli._arguments import at_least
from wmzoo.errors import RunInterrupted, WmzooError

if TYPE_CHECKING:
    from wmzoo.envs.task_sets import Task
    from wmzoo.reports.bar import Bar
    from wmzoo.studies.extraction import Plan
    from wmzoo.studies.jobs import Job
    from wmzoo.studies.launchers import Launcher

GROUP = "many tasks"
FULL, MINI = "mt30", "mt30_mini"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="of every run, as for `wmzoo train`")
    parser.add_argument("--data", type=Path, metavar="DIR", help="the data set; with --mini it may be left out")
    parser.add_argument("--out", type=Path, default=Path("runs/mt30"), metavar="DIR", help="(default: %(default)s)")
    parser.add_argument("--mini", action="store_true", help=f"experiment={MINI}: for two CPU cores, with its data")
    parser.add_argument("--experiment", metavar="NAME", help=f"another plan than experiment={FULL}")
    parser.add_argument("--launcher", choices=("local", "slurm"), default="local", help="(default: local)")
    parser.add_argument(
        "--slurm", action="append", default=[], metavar="KEY=VALUE", help="of the jobs, as slurm_partition=gpu"
    )
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="runs at a time (default: 1)")
    parser.add_argument("--episodes", type=int, default=10, metavar="N", help="of every evaluation (default: 10)")
    parser.add_argument("--report", action="store_true", help="write the report of what there is, and stop")
    parser.add_argument("--plan", action="store_true", help="say what it takes on this machine, and stop")
    parser.add_argument("--set", choices=("mt30", "mt80"), default="mt30", help="of --plan without --data")
    parser.add_argument("--seconds", type=int, default=30, metavar="S", help="of the probe of --plan (default: 30)")


def run(args: argparse.Namespace) -> int:
    at_least(args, workers=1, episodes=1, seconds=1)
    if args.plan:
        print("\n".join(budget(args)))
        return 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the end of a cluster's job is a Ctrl-C
    try:
        whole_job(args)
    except KeyboardInterrupt as error:
        raise RunInterrupted(f"interrupted; `{command(args)}` goes on") from error
    return 0


def whole_job(args: argparse.Namespace) -> None:
    """What is not done yet of it, or with --report its report."""
    from wmzoo.studies.extraction import check_data, evaluations, extractions, policies, pretrainings, read_plan, set_of

    plan = read_plan(args.experiment or (MINI if args.mini else FULL), args.overrides)
    tasks = set_of(args.data)[1] if args.data else [task.name for task in tasks_to_collect(plan)]
    start = partial(run_all, launcher=launcher_of(args), args=args)
    data = args.data or args.out / "data"
    if not args.report:
        print("\n".join(steps(plan, tasks, args)), flush=True)
        if not args.data:
            make_data(plan, args.out, start)
    chosen, names = set_of(data)
    wanted = policies(plan, args.out, names)
    if not args.report:
        check_data(plan, data)
        start(pretrainings(plan, data, args.out))
        start(extractions(plan, data, args.out, chosen, wanted))
        start(evaluations(wanted, args.episodes))
    report(plan, data, args, chosen, names)


def budget(args: argparse.Namespace) -> list[str]:
    """What the job takes here, in lines."""
    from wmzoo.data.shards import read_index
    from wmzoo.envs.task_sets import SETS, task_set
    from wmzoo.reports.bar import Bar
    from wmzoo.reports.table import aligned
    from wmzoo.studies.budget import bytes_of, episodes_of, free_bytes, machine, stages
    from wmzoo.studies.extraction import read_plan, set_of

    plan = read_plan(args.experiment or (MINI if args.mini else FULL), args.overrides)
    if args.data:
        index = read_index(args.data)
        tasks: Sequence[Task] = task_set(set_of(args.data)[1])
        size = f"{args.data}, {4 * sum(t.rows * (t.obs_dim + t.act_dim + 1) for t in index.tasks) / 1e9:,.2f} GB"
    else:
        tasks = SETS[args.set] if plan.collect is None else tasks_to_collect(plan)
        found = bytes_of(tasks, *episodes_of(plan, args.set))
        name = args.set.upper() if plan.collect is None else f"{len(tasks)} tasks that are collected"
        size = f"{name}, {found.chunks / 1e9:,.2f} GB of chunks and as a data set {found.data / 1e9:,.2f} GB"
    began = time.perf_counter()
    with Bar() as bar:
        found_stages = stages(plan, tasks, args.seconds, bar.at, collects=not args.data)
    took = time.perf_counter() - began
    table = [["stage", "runs", "steps of each", "steps a second", "memory", "hours"]]
    for stage in found_stages:
        pace, memory = f"{1 / stage.seconds:,.3g}", f"{stage.memory / 1e9:,.2f} GB"
        table.append([stage.what, str(stage.runs), f"{stage.steps:,}", pace, memory, f"{stage.hours:,.2f}"])
    hours = sum(stage.hours for stage in found_stages)
    return [
        f"experiment={plan.experiment} on {machine()}",
        f"data: {size}; {free_bytes(args.out) / 1e9:,.0f} GB are free in {args.out}",
        *aligned(table, left=[0]),
        f"{hours:,.1f} hours in all, one run after the other; measured in {took:,.0f} seconds, on random numbers",
        "a step: of pretraining an update of the model, of evaluation all its episodes, of others an iteration",
        "hours: of agents with their warm-up and evaluations, of pretraining without its tests on episodes held out",
        "memory: of a GPU the most in the stage's probe; of a CPU the most that the process has held up to its end",
    ]


def steps(plan: Plan, tasks: Sequence[str], args: argparse.Namespace) -> list[str]:
    """The plan in lines, and what goes on with it."""
    from wmzoo.reports.words import counted

    arms = [f"{dynamics}, {mode}" for mode in plan.modes for dynamics in plan.dynamics]
    made = ""
    if not args.data and plan.collect is not None:
        agents = "agents" in plan.collect
        made = "replay of an agent" if agents else counted(int(plan.collect["episodes"]), "episode")
        made += " of each of "
    return [
        f"experiment={plan.experiment}, in {args.out}:",
        f"  data      {made}{counted(len(tasks), 'task')}: {args.data or args.out / 'data'}",
        f"  pretrain  {counted(len(plan.dynamics), 'world model')}: {', '.join(plan.dynamics)}",
        f"  extract   {len(arms) * len(tasks)} policies, one a task: {'; '.join(arms)}",
        f"  evaluate  each of them, {counted(args.episodes, 'episode')}",
        f"  report    {args.out / 'report'}",
        f"Ctrl-C saves what is running; `{command(args)}` goes on",
    ]


def tasks_to_collect(plan: Plan) -> Sequence[Task]:
    """The tasks of the plan's `collect`; WmzooError for a plan that needs data."""
    from wmzoo.envs.task_sets import task_set

    if plan.collect is None:
        raise WmzooError(f"experiment={plan.experiment} collects no data: --data DIR, as `wmzoo data convert` makes it")
    return task_set(plan.collect["tasks"])


def make_data(plan: Plan, out: Path, start: Callable[[Sequence[Job]], None]) -> None:
    """The data set of the plan's `collect`, in out/data, as far as it is not made yet; start: runs jobs."""
    from wmzoo.data.convert import convert
    from wmzoo.reports.bar import Bar
    from wmzoo.runs.provenance import made
    from wmzoo.studies.extraction import agents

    sources, asked = [out / "chunks"], dict[str, Any]()
    if runs := agents(plan, out):
        start(runs)
        sources, asked = [run.folder for run in runs], {"kind": "replay", "whole": True}
    with Bar() as bar:
        if not runs:
            play(plan, out / "chunks", bar)
        convert(sources, out / "data", say=partial(bar.at, "episodes converted"), made=made(), **asked)


def play(plan: Plan, chunks: Path, bar: Bar) -> None:
    """The episodes of the plan's `collect`, as far as they are not played yet."""
    from wmzoo.data.chunk_files import MADE
    from wmzoo.data.collect import collect
    from wmzoo.data.mixture import RANDOM, mixture, read_player
    from wmzoo.runs.provenance import made

    assert plan.collect is not None
    tasks = tasks_to_collect(plan)
    players = [read_player(text) for text in plan.collect.get("policies", [RANDOM])]
    chosen = mixture(players, int(plan.collect["episodes"]), tasks)
    collect(tasks, chosen.played, chunks, 0, {MADE: made(), "policies": chosen.facts}, bar.at)


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
    words = ["wmzoo", "mt30", *args.overrides, *(["--mini"] if args.mini else [])]
    for name, usual in {"experiment": None, "data": None, "out": None, "workers": 1, "episodes": 10}.items():
        value = getattr(args, name)
        words += [f"--{name}", str(value)] if value != usual else []
    return shlex.join(words)


def report(plan: Plan, data: Path, args: argparse.Namespace, chosen: str, names: Sequence[str]) -> None:
    from wmzoo.studies.extraction_report import words, write_report
    from wmzoo.studies.extraction_results import keep_runs, read_results

    results = read_results(plan, data, args.out, names, args.episodes)
    title = f"Policies extracted from {chosen.upper() if chosen in ('mt30', 'mt80') else 'collected data'}"
    page = write_report(results, args.out / "report", title, [command(args)], chosen)
    keep_runs(plan, args.out, names, args.out / "report", args.episodes)
    print("\n".join([*words(results), f"report: {page}"]))

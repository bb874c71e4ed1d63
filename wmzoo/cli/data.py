"""`wmzoo data collect|convert|inspect`: episodes collected or downloaded, and memory-mapped data sets made of them.

`collect` plays episodes and writes chunks in TD-MPC2's format; `convert` turns chunks, collected here or downloaded, or
Minari's data sets (--from minari), into a data set to train on; `inspect` shows what is in chunks or a data set. After
an interruption the same command goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import pkgutil
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from wmzoo.cli._arguments import at_least
from wmzoo.errors import RunInterrupted

if TYPE_CHECKING:
    from wmzoo.data.inspect import Inspection

GROUP = "many tasks"
EVERY = 5.0  # seconds between lines of progress
TASKS = "mt30, mt80, or names of their tasks with commas between them"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    steps = parser.add_subparsers(dest="step", metavar="STEP", required=True)
    collect = steps.add_parser("collect", help="play episodes and write chunks", allow_abbrev=False)
    collect.add_argument("--tasks", required=True, metavar="TASKS", help=TASKS)
    collect.add_argument("--episodes", type=int, required=True, metavar="N", help="of every task")
    collect.add_argument(
        "--policy", default="random", metavar="P", help="random, or a run or checkpoint whose policy is sampled"
    )
    collect.add_argument("--out", type=Path, required=True, metavar="DIR")
    collect.add_argument("--seed", type=int, default=0, metavar="S", help="(default: 0)")
    convert = steps.add_parser("convert", help="make a data set of other data", allow_abbrev=False)
    convert.add_argument(
        "--from", dest="kind", choices=sources(), default="tdmpc2", help="what SRC is of (default: %(default)s)"
    )
    convert.add_argument(
        "sources", nargs="+", metavar="SRC", help="chunk files, or folders of them; ids of Minari's data sets"
    )
    convert.add_argument("destination", type=Path, metavar="DST", help="the folder of the data set")
    convert.add_argument("--tasks", metavar="TASKS", help=f"of downloaded chunks, by number: {TASKS}")
    inspect = steps.add_parser("inspect", help="show what is in a folder of chunks or a data set", allow_abbrev=False)
    inspect.add_argument("folder", type=Path, metavar="DIR")
    inspect.add_argument("--tasks", metavar="TASKS", help=f"of downloaded chunks, by number: {TASKS}")
    inspect.add_argument("--json", action="store_true", help="print JSON and nothing else")


def sources() -> list[str]:
    """The modules of data/sources/, without importing one, which would bring torch."""
    return sorted(module.name for module in pkgutil.iter_modules([str(Path(__file__).parents[1] / "data" / "sources")]))


def run(args: argparse.Namespace) -> int:
    steps = {"collect": run_collect, "convert": run_convert, "inspect": run_inspect}
    try:
        return steps[args.step](args)
    except KeyboardInterrupt as error:
        raise RunInterrupted(f"wmzoo data {args.step}: the same command goes on where it was") from error


def run_collect(args: argparse.Namespace) -> int:
    at_least(args, episodes=1, seed=0)
    from wmzoo.agent.load import load
    from wmzoo.checkpoints.config import check_config
    from wmzoo.checkpoints.find import WEIGHTS, locate
    from wmzoo.compute.device import arithmetic
    from wmzoo.data.chunk_files import parse_tasks
    from wmzoo.data.collect import SampledPolicy, collect, uniform
    from wmzoo.storage.files import file_sha256

    tasks = parse_tasks(args.tasks)
    if args.policy == "random":
        collect(tasks, args.episodes, uniform, args.out, args.seed, {"policy": "random"}, Progress())
    else:
        bundle = locate(args.policy)
        agent = load(bundle)
        facts = {"policy": str(bundle), "sha256": file_sha256(bundle / WEIGHTS)}
        check_config(bundle, agent.cfg, ("threads", "model.latent_dim"))
        with arithmetic(agent.cfg):
            collect(tasks, args.episodes, SampledPolicy(agent, tasks), args.out, args.seed, facts, Progress())
    print(f"{args.episodes} episodes of each of {len(tasks)} tasks: {args.out}")
    return 0


def run_convert(args: argparse.Namespace) -> int:
    from wmzoo.data.chunk_files import parse_tasks
    from wmzoo.data.convert import convert

    tasks = None if args.tasks is None else parse_tasks(args.tasks)
    progress = Progress()
    index = convert(args.sources, args.destination, tasks, partial(progress, "converted"), args.kind)
    episodes = sum(len(task.lengths) for task in index.tasks)
    print(f"{episodes:,} episodes of {len(index.tasks)} tasks: {args.destination}")
    bad = sum(len(task.nonfinite) for task in index.tasks)
    if bad:
        print(f"{bad:,} of them hold numbers that are not finite and are never sampled; wmzoo data inspect says where")
    return 0


def run_inspect(args: argparse.Namespace) -> int:
    from wmzoo.data.chunk_files import parse_tasks
    from wmzoo.data.inspect import inspect

    found = inspect(args.folder, None if args.tasks is None else parse_tasks(args.tasks))
    if args.json:
        facts = {"kind": found.kind, "tasks": [task.row() for task in found.tasks], "problems": found.problems}
        print(json.dumps(facts, indent=2))
    else:
        print(table(found))
    return 1 if found.problems else 0


def table(found: Inspection) -> str:
    """The tasks in columns, and in lines below how episodes have ended, where that is known, and the problems."""
    from wmzoo.reports.table import aligned

    names = ("task", "name", "episodes", "rows", "reward sum", "reward mean", "not finite", "too wide")
    rows = [[_text(value) for value in task.row().values()] for task in found.tasks]
    lines = aligned([names, *rows], left=[1])
    episodes, steps = sum(task.episodes for task in found.tasks), sum(task.rows for task in found.tasks)
    lines.append(f"{found.kind}: {len(found.tasks)} tasks, {episodes:,} episodes, {steps:,} rows")
    ended = [f"{t.name}: {t.terminated:,} episodes were ended by the task itself" for t in found.tasks if t.terminated]
    return "\n".join([*lines, *ended, *(f"problem: {text}" for text in found.problems)])


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.4f}" if abs(value) < 1000 else f"{value:,.1f}"
    return "–" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


class Progress:
    """A line on stderr every few seconds: what, how far, and how long it may still take."""

    def __init__(self) -> None:
        self.what, self.began, self.first, self.shown = "", 0.0, 0, 0.0

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if what != self.what:
            self.what, self.began, self.first, self.shown = what, now, done, now
        if now - self.shown >= EVERY or (done == total and self.shown != self.began):
            self.shown = now
            pace = (done - self.first) / (now - self.began)
            left = f", {(total - done) / pace:,.0f} s left" if pace and done < total else ""
            print(f"{what}: {done:,} of {total:,} episodes{left}", file=sys.stderr, flush=True)

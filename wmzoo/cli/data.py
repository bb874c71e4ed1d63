"""`wmzoo data collect|convert|export|inspect`: episodes collected or downloaded, and memory-mapped data sets of them.

`export` makes a data set to train on of what runs have seen while they learned; `collect` plays episodes and writes
chunks in TD-MPC2's format; `convert` turns chunks, collected here or downloaded, or Minari's data sets (--from minari),
into a data set; `inspect` shows what is in chunks or a data set, how it came to be, and a picture of what it covers.
After an interruption the same command goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import pkgutil
import sys
import time
from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wmzoo.cli._arguments import at_least
from wmzoo.errors import RunInterrupted, WmzooError, about_file

if TYPE_CHECKING:
    from wmzoo.data.inspect import Inspection
    from wmzoo.data.shards import Index

GROUP = "many tasks"
EVERY = 5.0  # seconds between lines of progress
TASKS = "mt30, mt80, or names of their tasks with commas between them"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    steps = parser.add_subparsers(dest="step", metavar="STEP", required=True)
    collect = steps.add_parser("collect", help="play episodes and write chunks", allow_abbrev=False)
    collect.add_argument("--tasks", required=True, metavar="TASKS", help=TASKS)
    collect.add_argument("--episodes", type=int, required=True, metavar="N", help="of every task")
    collect.add_argument(
        "--policy",
        action="append",
        metavar="P[,weight=W][,noise=S][,random=R]",
        help="random (the default), or a run or checkpoint whose policy is sampled, with Gaussian noise of std S and a "
        "share R of random actions; of several each plays its part W of every task's episodes",
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
    export = steps.add_parser("export", help="make a data set of runs' replays", allow_abbrev=False)
    export.add_argument("runs", nargs="+", metavar="RUN", help="runs of trainer=online, or checkpoints of them")
    export.add_argument("--out", type=Path, required=True, metavar="DIR", help="the folder of the data set")
    export.add_argument(
        "--share",
        nargs=2,
        type=float,
        default=(0.0, 1.0),
        metavar=("FROM", "TO"),
        help="the part of the training whose episodes are taken (default: 0 1)",
    )
    export.add_argument(
        "--episodes", type=int, metavar="N", help="of every run, evenly from its first to its last (default: all)"
    )
    inspect = steps.add_parser("inspect", help="show what is in a folder of chunks or a data set", allow_abbrev=False)
    inspect.add_argument("folder", type=Path, metavar="DIR")
    inspect.add_argument("--tasks", metavar="TASKS", help=f"of downloaded chunks, by number: {TASKS}")
    inspect.add_argument("--picture", type=Path, metavar="FILE", help="of the coverage (default: DIR/coverage.png)")
    inspect.add_argument("--json", action="store_true", help="print JSON and nothing else, and draw nothing")


def sources() -> list[str]:
    """The modules of data/sources/, without importing one, which would bring torch."""
    return sorted(module.name for module in pkgutil.iter_modules([str(Path(__file__).parents[1] / "data" / "sources")]))


def run(args: argparse.Namespace) -> int:
    steps = {"collect": run_collect, "convert": run_convert, "export": run_export, "inspect": run_inspect}
    try:
        return steps[args.step](args)
    except KeyboardInterrupt as error:
        raise RunInterrupted(f"wmzoo data {args.step}: the same command goes on where it was") from error


def run_collect(args: argparse.Namespace) -> int:
    at_least(args, episodes=1, seed=0)
    from wmzoo.compute.device import arithmetic
    from wmzoo.data.chunk_files import MADE, parse_tasks
    from wmzoo.data.collect import collect
    from wmzoo.data.mixture import RANDOM, mixture, read_player
    from wmzoo.runs.provenance import made

    tasks = parse_tasks(args.tasks)
    players = [read_player(text) for text in args.policy or [RANDOM]]
    chosen = mixture(players, args.episodes, tasks)
    with nullcontext() if chosen.cfg is None else arithmetic(chosen.cfg):
        collect(tasks, chosen.played, args.out, args.seed, {MADE: made(), "policies": chosen.facts}, Progress())
    print(f"{args.episodes} episodes of each of {len(tasks)} tasks: {args.out}")
    return 0


def run_convert(args: argparse.Namespace) -> int:
    from wmzoo.data.chunk_files import parse_tasks
    from wmzoo.data.convert import convert
    from wmzoo.runs.provenance import made

    tasks = None if args.tasks is None else parse_tasks(args.tasks)
    progress = partial(Progress(), "converted")
    tell(convert(args.sources, args.destination, tasks, progress, args.kind, made()), args.destination)
    return 0


def run_export(args: argparse.Namespace) -> int:
    from wmzoo.data.convert import convert
    from wmzoo.runs.provenance import made

    at_least(args, episodes=1)
    low, high = args.share
    if not 0 <= low < high <= 1:
        raise WmzooError(f"--share {low:g} {high:g}: two numbers from 0 to 1, the lesser first")
    progress, asked = partial(Progress(), "exported"), {"whole": True, "part": (low, high), "wanted": args.episodes}
    tell(convert(args.runs, args.out, None, progress, "replay", made(), **asked), args.out)
    return 0


def tell(index: Index, folder: Path) -> None:
    """What a data set has become."""
    episodes = sum(len(task.lengths) for task in index.tasks)
    print(f"{episodes:,} episodes of {len(index.tasks)} tasks: {folder}")
    bad = sum(len(task.nonfinite) for task in index.tasks)
    if bad:
        print(f"{bad:,} of them hold numbers that are not finite and are never sampled; wmzoo data inspect says where")


def run_inspect(args: argparse.Namespace) -> int:
    from wmzoo.data.chunk_files import parse_tasks
    from wmzoo.data.inspect import inspect

    found = inspect(args.folder, None if args.tasks is None else parse_tasks(args.tasks))
    if args.json:
        facts = {"kind": found.kind, "tasks": [task.facts() for task in found.tasks], "problems": found.problems}
        print(json.dumps(facts | {"made": found.made}, indent=2))
    else:
        print("\n".join([table(found), *origin(found.made)]))
        if found.tasks:
            print(f"picture: {draw(found, args.picture or args.folder / 'coverage.png')}")
    return 1 if found.problems else 0


def table(found: Inspection) -> str:
    """The tasks in columns, and in lines below how and when episodes have ended, where that is known, and the
    problems."""
    from wmzoo.reports.table import aligned

    names = ("task", "name", "episodes", "rows", "reward sum", "reward mean", "not finite", "too wide")
    rows = [[_text(value) for value in task.row().values()] for task in found.tasks]
    lines = aligned([names, *rows], left=[1])
    episodes, steps = sum(task.episodes for task in found.tasks), sum(task.rows for task in found.tasks)
    lines.append(f"{found.kind}: {len(found.tasks)} tasks, {episodes:,} episodes, {steps:,} rows")
    ended = [f"{t.name}: {t.terminated:,} episodes were ended by the task itself" for t in found.tasks if t.terminated]
    shares = [
        f"{t.name}: its episodes ended after {min(t.shares):g} to {max(t.shares):g} of the training that they are from"
        for t in found.tasks
        if t.shares
    ]
    return "\n".join([*lines, *ended, *shares, *(f"problem: {text}" for text in found.problems)])


def origin(made: Mapping[str, Any]) -> list[str]:
    """How the data came to be, in lines; they may be somebody else's."""
    try:
        return ["".join(c if c.isprintable() else "?" for c in line) for line in _told(made)]
    except (LookupError, TypeError, ValueError, AttributeError):
        return ["made: not told as wmzoo tells it"]


def _told(made: Mapping[str, Any]) -> list[str]:
    own = made.get("made") or made
    lines = [f"made: wmzoo {own['wmzoo']}, {own['command']}"] if "command" in own else []
    for collected in made.get("collected", [made] if "policies" in made else []):
        for each in collected.get("policies", ()):
            how = ", ".join(f"{name} {each[name]:g}" for name in ("noise", "random") if each[name])
            lines.append(
                f"collected: {each['episodes']} episodes of a task by {each['policy']}{f' ({how})' if how else ''}, "
                f"seed {collected['seed']}"
            )
    for source in made.get("sources", ()):
        if "env_steps" in source:
            low, high = source["ended_after"]
            lines.append(
                f"exported: {source['episodes']} episodes, {source['pieces']} of them not whole, of those that ended "
                f"between {low:g} and {high:g} of {source['env_steps']:,} agent steps, seed {source['seed']}: "
                f"{source['file']}"
            )
    return [*lines, *(f"note: {note}" for note in made.get("notes", ()))]


def draw(found: Inspection, file: Path) -> Path:
    """The picture of what the data cover."""
    from wmzoo.data.coverage import coverage
    from wmzoo.storage.files import write_bytes

    try:
        write_bytes(file, coverage(found.tasks).png)
    except OSError as error:
        raise WmzooError(f"{about_file(error)}; --picture FILE puts the picture elsewhere") from error
    return file


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

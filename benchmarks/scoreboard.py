"""The rows that come with wmzoo, and their page.

    wmzoo bench NAME                           trains what is missing, in runs/bench/NAME/
    python benchmarks/scoreboard.py --train    every dynamics of the zoo, shorter, on three tasks, three seeds each
    python benchmarks/scoreboard.py            keeps the zoo's own rows, and writes docs/scoreboard.md and README's best

A row is a file scoreboard/NAME.json. Kept are the rows of runs/bench/, and what benchmarks/studies/standard.yaml has
trained with the same settings (benchmarks/results/learning/standard/, with the diagnostics of `wmzoo study diagnose`);
what an iteration of these costs is timed by --time, on a machine that does nothing else. What was trained with other
settings than the suite has today is left out, and said.

--train goes on after Ctrl-C, with the dynamics one after the other, and tries again what has failed. It is 153 runs of
100 thousand agent steps, of the mlp's five minutes of one core each: 13 hours of a core if all were as fast, and more
by as much as the others are slower (`wmzoo parity dynamics=NAME` says how much). They are the beginning of longer ones,
which `wmzoo bench NAME` makes of them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import marked_tables
from omegaconf import DictConfig, OmegaConf

from wmzoo.agent.build import BASELINE
from wmzoo.checkpoints.config import CONFIG
from wmzoo.compare.runs import FOLDER, read_run
from wmzoo.config.composition import compose
from wmzoo.registry.cards import cards
from wmzoo.reports.bar import Bar
from wmzoo.reports.canvas import Picture
from wmzoo.reports.table import Table, text
from wmzoo.reports.words import interval, number
from wmzoo.scoreboard.arm import KINDS, command_of
from wmzoo.scoreboard.beside import stale, why_stale
from wmzoo.scoreboard.cost import Cost, measured
from wmzoo.scoreboard.files import ROW, read_row, references, write_row
from wmzoo.scoreboard.from_runs import joined, made_of
from wmzoo.scoreboard.report import METHOD, curves
from wmzoo.scoreboard.row import POINTS, Row, TaskRow
from wmzoo.scoreboard.suite import suite
from wmzoo.scoreboard.tables import costs, returns
from wmzoo.storage.files import write_bytes, write_text
from wmzoo.storage.foreign import read_config
from wmzoo.storage.package_data import data_dir

HERE = Path(__file__).parent
KEPT = HERE / "results" / "learning" / "standard"
RUNS = HERE.parent / "runs" / "bench"
ROWS = data_dir("scoreboard")
PAGE, README = HERE.parent / "docs" / "scoreboard.md", HERE.parent / "README.md"
PICTURE = HERE.parent / "docs" / "images" / "scoreboard.png"
TRAINED = ("cartpole_swingup", "walker_walk", "finger_spin")  # at least, of every dynamics
SEEDS, STEPS = 3, 100_000
INTERRUPTED = 130  # the exit code after Ctrl-C
STUDY = "wmzoo study run benchmarks/studies/standard.yaml"
AND = "; "  # between the commands of a row's tasks
SHOWN = 8  # rows in README
DRAWN = 7  # curves in a panel: as many as there are colours
ABOUT = """# Scoreboard

What the zoo's own entries come to on the standard suite; the commands that trained them are below.
`python benchmarks/scoreboard.py` writes this page from the rows in [scoreboard](../scoreboard), which come with wmzoo:
`wmzoo bench my_dynamics.py` puts an entry of your own beside them ([the tutorial](tutorial.md) does it). Figures of one
or two seeds say little."""
MISSING = """Of the zoo's {all} dynamics {missing} have no finished runs, and no row.
`python benchmarks/scoreboard.py --train` trains all of them on three tasks, for 100 thousand agent steps with three
seeds each, and goes on where it was stopped. That is 13 hours of one core at the mlp's speed, and more by as much as
the others are slower."""


def rows_of_the_study(kept: Path, tasks: Sequence[str]) -> Iterator[Row]:
    """A row of each entry that it trained under its own name; several, where it was trained with several settings."""
    for arm in sorted({run.parent.name for run in kept.glob("*/*/seed*")}):
        if ("dynamics", arm) not in cards():
            continue
        for task in tasks:
            folders = sorted((kept / task / arm).glob("seed*"))
            runs = [read_run(folder, read_config(folder / CONFIG), [FOLDER]) for folder in folders]
            if runs:
                parameters = runs[0].facts["parameters"]["dynamics"]
                of_itself = {task: Cost(1.0, 1.0, parameters, parameters)} if arm == BASELINE else {}
                yield made_of(arm, [f"dynamics={arm}"], STUDY, {task: runs}, of_itself)


def rows_of_bench(root: Path) -> Iterator[Row]:
    """Those of the zoo's entries with nothing changed but parts of the model; their command as a user would type it."""
    for file in sorted(root.glob(f"*/{ROW}")):
        row = read_row(file)
        keys = [word.partition("=") for word in row.overrides]
        built_in = all((key, value) in cards() for key, _, value in keys if key in KINDS)
        if built_in and all(key.partition(".")[0] in KINDS for key, _, _ in keys):
            yield replace(row, command=command_of(row.overrides))


def config_of(row: Row, task: str) -> DictConfig:
    """What its runs on a task of the suite have today."""
    shared, overrides = suite()
    return compose([*shared, *overrides[task], *row.overrides])


def fitting(row: Row) -> tuple[Row | None, list[str]]:
    """The row with its tasks of the suite that are of today's settings, if any; and what is wrong with the others."""
    tasks, said = {}, []
    for task, found in row.tasks.items():
        if task in suite()[1]:
            if why := why_stale(row, task, OmegaConf.to_container(config_of(row, task), resolve=True)):
                said.append(why)
            else:
                tasks[task] = replace(found, config=row.fingerprint(task))
    return (joined(replace(row, config={}, tasks=tasks)) if tasks else None), said


def keep(rows: Sequence[Row], folder: Path, timed: bool = False) -> list[str]:
    """Write those tasks of rows that fit, into their files, and in words what does not.

    timed: time an iteration where no row of the same settings tells what it costs.
    """
    found: dict[str, Row] = {}
    made: dict[tuple[str, str], str] = {}  # by what command, of each entry and task
    said: list[str] = []
    for row in rows:
        new, why = fitting(row)
        said += why
        if new:
            better = better_tasks(found.get(row.name), new)
            made |= dict.fromkeys([(row.name, task) for task in better], new.command)
            new = replace(new, tasks=better)
            found[row.name] = joined(found[row.name], new) if row.name in found and better else found.get(row.name, new)
    known = {task.digest: task for row in rows for task in row.tasks.values() if task.ratio is not None}
    for name, row in found.items():
        tasks = {task: with_cost(row, task, known.get(of.digest), timed) for task, of in row.tasks.items()}
        commands = [each for task in tasks for each in made[name, task].split(AND)]
        write_row(replace(row, tasks=tasks, command=AND.join(dict.fromkeys(commands))), folder / f"{name}.json")
    return said


def better_tasks(old: Row | None, new: Row) -> dict[str, TaskRow]:
    """Those of the new row that go in the place of the old one's: with more seeds, or as many and diagnosed where the
    old ones are, or that it lacks."""

    def worth(task: TaskRow) -> tuple[int, bool]:
        return len(task.seeds), task.esnr is not None

    there = old.tasks if old else {}
    return {task: of for task, of in new.tasks.items() if task not in there or worth(of) >= worth(there[task])}


def with_cost(row: Row, task: str, known: TaskRow | None, timed: bool) -> TaskRow:
    """The row's figures on a task with what an iteration costs: its own, else that of other runs of the same settings,
    else as it is timed here."""
    found = row.tasks[task]
    if found.ratio is None and known is not None:
        found = replace(found, ratio=known.ratio, baseline_parameters=known.baseline_parameters)
    elif found.ratio is None and timed:
        with Bar() as bar:
            cost = measured(config_of(row, task), bar.at)
        found = replace(found, ratio=cost.ratio, baseline_parameters=cost.baseline_parameters)
    return found


def ordered(rows: Sequence[Row], tasks: Sequence[str]) -> list[Row]:
    """Those with scores on more tasks first, then by their mean at the most steps."""

    def place(row: Row) -> tuple[int, float]:
        there = [task for task in tasks if task in row.tasks and row.tasks[task].at_steps(POINTS[-1])]
        return -len(there), -(row.mean(there, POINTS[-1]) or 0.0)

    return sorted(rows, key=place)


def page(rows: Sequence[Row], tasks: Sequence[str]) -> str:
    """docs/scoreboard.md."""
    there = [name for kind, name in cards() if kind == "dynamics"]
    without = len(there) - len({row.name for row in rows} & {*there})
    commands = [{"arm": row.name, "command": _typed(row.command), "commits": _commits(row)} for row in rows]
    notes = [f"- {note}" for row in rows for note in row.notes]
    parts = [
        ABOUT,
        *([MISSING.format(all=len(there), missing=without)] if without else []),
        *([f"**Older settings**: {'; '.join(old)}."] if (old := stale(rows, tasks)) else []),
        f"![Return by agent steps, a panel a task](images/{PICTURE.name})",
        *_section("Returns", returns(rows, tasks)),
        *_section("Costs and model", costs(rows, tasks)),
        *(["## What was tried with what", "\n".join(notes)] if notes else []),
        "## Commands",
        "\n".join(marked_tables.markdown(commands)),
        "## How it was computed",
        "\n".join(f"- {said}" for said in METHOD[:-1]),
    ]
    return marked_tables.wrapped("\n\n".join(parts)) + "\n"


def _typed(command: str) -> str:
    return AND.join(f"`{each}`" for each in command.split(AND))


def _commits(row: Row) -> str:
    """Of the code that its runs were trained with."""
    return ", ".join(sorted({task.commit[:8] for task in row.tasks.values() if task.commit})) or "–"


def _section(title: str, table: Table) -> tuple[str, str, str]:
    lines = [dict(zip(table.columns, map(text, row), strict=True)) for row in table.rows]
    return f"## {title}", table.caption, "\n".join(marked_tables.markdown(lines))


def best_rows(rows: Sequence[Row], tasks: Sequence[str]) -> list[dict[str, str]]:
    """README's: the mean return by task at the most steps that all seeds have, and what an iteration costs."""
    return [
        {"entry": row.name} | {task: _score(row, task) for task in tasks} | {"seconds": number(row.ratio)}
        for row in rows[:SHOWN]
    ]


def _score(row: Row, task: str) -> str:
    """Said where that is earlier than the suite's end."""
    if task not in row.tasks:
        return "–"
    scores = {at: row.tasks[task].at_steps(at) for at in POINTS}
    there = {at: score for at, score in scores.items() if score is not None}
    if not there:
        return "–"
    at = max(there)
    where = "" if at == POINTS[-1] else f" at {at // 1000}k"
    return f"{interval(there[at])}{where}, n={len(row.tasks[task].seeds)}"


def picture(rows: Sequence[Row], tasks: Sequence[str]) -> Picture:
    """The tasks that have a curve."""
    return curves(rows[:DRAWN], [task for task in tasks if any(task in row.tasks for row in rows)])


def train(workers: int) -> None:
    """Every dynamics of the zoo, the mlp first; SystemExit that names those of which runs have failed, or on Ctrl-C."""
    names = [name for kind, name in cards() if kind == "dynamics"]
    failed = []
    for name in sorted(names, key=lambda name: (name != BASELINE, name)):
        words = [sys.executable, "-m", "wmzoo", "bench", name, "--tasks", ",".join(TRAINED), "--seeds", str(SEEDS)]
        words += ["--steps", str(STEPS), "--workers", str(workers)]
        code = subprocess.run(words, cwd=HERE.parent).returncode
        if code == INTERRUPTED:
            raise SystemExit(INTERRUPTED)
        if code:
            failed.append(name)
    if failed:
        raise SystemExit(f"runs of {', '.join(failed)} have failed; the same command tries them again")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", action="store_true", help="train what is missing; writes no page")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="runs at a time (default: %(default)s)")
    parser.add_argument("--time", action="store_true", help="time an iteration of what has no such figure yet")
    args = parser.parse_args()
    if args.train:
        train(args.workers)
        return
    tasks = list(suite()[1])
    said = keep([*references().values(), *rows_of_the_study(KEPT, tasks), *rows_of_bench(RUNS)], ROWS, args.time)
    rows = ordered(list(references().values()), tasks)
    if rows:
        PICTURE.parent.mkdir(exist_ok=True)
        write_bytes(PICTURE, picture(rows, tasks).png)
        write_text(PAGE, page(rows, tasks))
        best = marked_tables.markdown(best_rows(rows, tasks))
        write_text(README, marked_tables.replace(README.read_text(encoding="utf-8"), "scoreboard", best, README))
    print("\n".join([*said, *(f"{row.name}: {', '.join(row.tasks)}" for row in rows)]))


if __name__ == "__main__":
    main()

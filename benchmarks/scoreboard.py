"""The rows that come with wmzoo, and their page.

    wmzoo bench NAME                   trains what is missing, in runs/bench/NAME/
    python benchmarks/scoreboard.py    keeps the zoo's own rows, and writes docs/scoreboard.md and README's best again

A row is a file scoreboard/NAME.json. Kept are the rows of runs/bench/, and what benchmarks/studies/standard.yaml has
trained with the same settings (benchmarks/results/learning/standard/). What was trained with other settings than the
suite has today is left out, and said.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import marked_tables
from omegaconf import OmegaConf

from wmzoo.agent.build import BASELINE
from wmzoo.checkpoints.config import CONFIG
from wmzoo.compare.runs import FOLDER, read_run
from wmzoo.config.composition import compose
from wmzoo.registry.cards import cards
from wmzoo.reports.canvas import Picture
from wmzoo.reports.table import Table, text
from wmzoo.reports.words import interval, number
from wmzoo.scoreboard.arm import KINDS
from wmzoo.scoreboard.beside import stale, why_stale
from wmzoo.scoreboard.cost import Cost
from wmzoo.scoreboard.files import ROW, read_row, references, write_row
from wmzoo.scoreboard.from_runs import joined, made_of
from wmzoo.scoreboard.report import METHOD, curves
from wmzoo.scoreboard.row import POINTS, Row
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
SHOWN = 8  # rows in README
DRAWN = 7  # curves in a panel: as many as there are colours
ABOUT = """# Scoreboard

What the zoo's own entries come to on the standard suite, by the command beside each. `python benchmarks/scoreboard.py`
writes this page from the rows in [scoreboard](../scoreboard), which come with wmzoo: `wmzoo bench my_dynamics.py` puts
an entry of your own beside them ([the tutorial](tutorial.md) does it). Figures of one seed say little."""


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
                yield made_of(arm, [f"dynamics={arm}"], f"wmzoo bench {arm}", {task: runs}, of_itself)


def rows_of_bench(root: Path) -> Iterator[Row]:
    """Those of the zoo's entries with nothing changed but parts of the model; their command as a user would type it."""
    for file in sorted(root.glob(f"*/{ROW}")):
        row = read_row(file)
        keys = [word.partition("=") for word in row.overrides]
        built_in = all((key, value) in cards() for key, _, value in keys if key in KINDS)
        if built_in and all(key.partition(".")[0] in KINDS for key, _, _ in keys):
            yield replace(row, command=" ".join(["wmzoo bench", keys[0][2], *row.overrides[1:]]))


def fitting(row: Row) -> tuple[Row | None, list[str]]:
    """The row with its tasks of the suite that are of today's settings, if any; and what is wrong with the others."""
    shared, overrides = suite()
    tasks, said = {}, []
    for task, found in row.tasks.items():
        if task in overrides:
            cfg = OmegaConf.to_container(compose([*shared, *overrides[task], *row.overrides]), resolve=True)
            if why := why_stale(row, task, cfg):
                said.append(why)
            else:
                tasks[task] = replace(found, config=row.fingerprint(task))
    return (joined(replace(row, config={}, tasks=tasks)) if tasks else None), said


def keep(rows: Sequence[Row], folder: Path) -> list[str]:
    """Write those tasks of rows that fit, into their files; of two the one with more seeds, else the later. What does
    not fit, in words."""
    found: dict[str, Row] = {}
    said: list[str] = []
    for row in rows:
        new, why = fitting(row)
        said += why
        if new and (old := found.get(row.name)):
            better = {
                t: of for t, of in new.tasks.items() if t not in old.tasks or len(of.seeds) >= len(old.tasks[t].seeds)
            }
            found[row.name] = joined(old, replace(new, tasks=better))
        elif new:
            found[row.name] = new
    for name, row in found.items():
        write_row(row, folder / f"{name}.json")
    return said


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
    commands = [{"arm": row.name, "command": f"`{row.command}`", "commits": _commits(row)} for row in rows]
    parts = [
        ABOUT,
        f"Of the zoo's {len(there)} dynamics {without} have no finished runs, and no row.",
        *([f"**Older settings**: {'; '.join(old)}."] if (old := stale(rows, tasks)) else []),
        f"![Return by agent steps, a panel a task](images/{PICTURE.name})",
        *_section("Returns", returns(rows, tasks)),
        *_section("Costs and model", costs(rows, tasks)),
        "## Commands",
        "\n".join(marked_tables.markdown(commands)),
        "## How it was computed",
        "\n".join(f"- {said}" for said in METHOD[:-1]),
    ]
    return marked_tables.wrapped("\n\n".join(parts)) + "\n"


def _commits(row: Row) -> str:
    """Of the code that its runs were trained with."""
    return ", ".join(sorted({task.commit[:8] for task in row.tasks.values() if task.commit})) or "–"


def _section(title: str, table: Table) -> tuple[str, str, str]:
    lines = [dict(zip(table.columns, map(text, row), strict=True)) for row in table.rows]
    return f"## {title}", table.caption, "\n".join(marked_tables.markdown(lines))


def best_rows(rows: Sequence[Row], tasks: Sequence[str]) -> list[dict[str, str]]:
    """README's: the mean return at the most steps by task, and what an iteration costs."""
    return [
        {"entry": row.name} | {task: _score(row, task) for task in tasks} | {"seconds": number(row.ratio)}
        for row in rows[:SHOWN]
    ]


def _score(row: Row, task: str) -> str:
    found = row.tasks[task].at_steps(POINTS[-1]) if task in row.tasks else None
    return "–" if found is None else f"{interval(found)}, n={len(row.tasks[task].seeds)}"


def picture(rows: Sequence[Row], tasks: Sequence[str]) -> Picture:
    """The tasks that have a curve."""
    return curves(rows[:DRAWN], [task for task in tasks if any(task in row.tasks for row in rows)])


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    tasks = list(suite()[1])
    said = keep([*rows_of_the_study(KEPT, tasks), *references().values(), *rows_of_bench(RUNS)], ROWS)
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

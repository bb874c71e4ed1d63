"""The index of all results, benchmarks/results/README.md: the command, the table and the pictures of each.

It is made of what lies there, so that it says nothing else; `python benchmarks/learning.py` writes it.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from html import unescape
from pathlib import Path
from typing import Any

from learning_table import LATE
from marked_tables import markdown, wrapped

from wmzoo.registry.cards import load_yaml
from wmzoo.reports.words import number
from wmzoo.storage.package_data import data_dir

HERE = Path(__file__).parent
RESULTS = HERE / "results"
FILE = RESULTS / "README.md"
ABOUT = """# Results

What was measured, each with the command that makes it. `python benchmarks/learning.py` writes this page from the files
beside it; what the figures mean is said in [docs/findings.md](../../docs/findings.md) and
[docs/performance.md](../../docs/performance.md)."""
ABOUT_STUDIES = """## Studies

What `wmzoo study report NAME --out benchmarks/results/studies/NAME` leaves: under `runs/` the metrics, configs and
facts of every finished run (no weights), and beside them the report (GitHub shows its source: open it in a checkout).
The machine did other things at the same time, so the reports count seconds at the pace of undisturbed iterations
(`--clock pace`). The same commands extend a study: more `seeds` or `tasks` in its config (configs/experiment/), and
`wmzoo study run` trains what is missing."""
STUDIES = {
    "flow_vs_mlp": "The flow against the MLP, five tasks, five seeds.",
    "controls": "Which part of the flow and of the MLP matters, two tasks, three seeds.",
    "mend": "Whether the mse loss mends the flow on cheetah_run, five seeds.",
    "precision": "Matrix products in bfloat16 against float32 (MLP, size=dflex), two tasks, three seeds.",
}
ABOUT_LEARNING = f"""## Learning

A study is a file of [benchmarks/studies](../studies): its arms are overrides of `wmzoo train`. Its folder has
`<task>/<arm>/seed<N>/` with the metrics, the config and the facts of a run (its commit, versions and command). Latent
errors, reward R², saturation and actor gradient are means over the last {LATE} iterations of all seeds' runs; of
trainings of a world model alone they are those of the last row of metrics. To train one anew, and to write its tables
and pictures:

    wmzoo study run benchmarks/studies/NAME.yaml --workers 2
    python benchmarks/learning.py"""
SHOWN = ("learning_curves_steps", "learning_curves_seconds")  # of a report's pictures; the others are linked
FRACTION = re.compile(r"-?\d+\.\d+(e-?\d+)?")


def text() -> str:
    """The page."""
    sections = [ABOUT, ABOUT_LEARNING]
    summaries = (RESULTS / "learning").glob("*/summary.csv")
    sections += [
        _learning(file.parent) for file in sorted(summaries, key=lambda file: (file.parent.name != "main", file))
    ]
    sections += [ABOUT_STUDIES, *map(_study, STUDIES), _mt30(), _memory(), _environments(), _data(), _speed()]
    return wrapped("\n\n".join(sections)) + "\n"


def _learning(folder: Path) -> str:
    study = load_yaml(HERE / "studies" / f"{folder.name}.yaml")
    command = f"`wmzoo study run benchmarks/studies/{folder.name}.yaml --workers 2`"
    links = f"[data]({_path(folder)}), {_link(folder / 'summary.csv')}"
    beside = [f"{arm} {what}." for arm, what in study.get("beside", {}).items() if any(folder.glob(f"*/{arm}"))]
    made = (folder / f"{name}.csv" for name in ("summary", "acceptance"))
    tables = ["\n".join(markdown(_read(file))) for file in made if file.is_file()]
    pictures = map(_picture, sorted(folder.glob("*.png")))
    return "\n\n".join([f"### {study['title']}", f"{command}: {links}", *beside, *tables, *pictures])


def _study(name: str) -> str:
    folder = RESULTS / "studies" / name
    diagnosed = (folder / "tables" / "diagnostics.csv").exists()
    steps = ["run", "diagnose"] if diagnosed else ["run"]
    title, *rest = _report(folder, [f"wmzoo study {step} {name} --workers 2" for step in steps], "aggregates", SHOWN)
    return "\n\n".join([f"### {title}", STUDIES[name], *rest])


def _mt30() -> str:
    folder = RESULTS / "mt30_mini"
    title, *rest = _report(folder, [], "scores", ("learning_curves", "scores", "modes"))
    about = "What the command leaves in runs/mt30/report."
    if {row["task"] for row in _read(folder / "tables" / "scores.csv")} != {*_plan()["collect"]["tasks"]}:
        about = (
            "What the command left in runs/mt30/report by a former recipe, on random episodes. It now has other tasks, "
            "the replays of agents as data, and another recipe ([docs/multitask.md](../../docs/multitask.md)); no "
            "report of these is here yet."
        )
    return "\n\n".join([f"## {title}", about, *rest])


def _plan() -> dict[str, Any]:
    """Of the command, as it is now."""
    return dict(load_yaml(data_dir("configs") / "experiment" / "mt30_mini.yaml")["extraction"])


def _report(folder: Path, commands: Sequence[str], table: str, shown: Sequence[str]) -> list[str]:
    """A report's title, commands, links, one of its tables and its pictures; those not in `shown` are linked."""
    page = (folder / "report.html").read_text(encoding="utf-8")
    title, caption, own = (
        unescape(re.findall(pattern, page)[0])
        for pattern in ("<title>(.*?)</title>", f'"table-{table}"><caption>(.*?)</caption>', "<pre>(.*?)</pre>")
    )
    links = [_link(folder / "report.html"), f"[tables]({_path(folder / 'tables')})"]
    links += [f"[runs]({_path(folder / 'runs')})"] if (folder / "runs").is_dir() else []
    figures = folder / "figures"
    others = [_link(file, _words(file)) for file in sorted(figures.glob("*.png")) if file.stem not in shown]
    return [
        *(title, "\n".join(f"    {command}" for command in [*commands, own]), ", ".join(links)),
        *(caption, "\n".join(markdown(_intervals(_read(folder / "tables" / f"{table}.csv"))))),
        *(_picture(figures / f"{name}.png") for name in shown),
        *([f"Further pictures: {', '.join(others)}."] if others else []),
    ]


def _memory() -> str:
    folder = RESULTS / "memory"
    facts = _facts(folder / "run.json")
    overrides = facts["command"].removeprefix("wmzoo train ").removesuffix(" trainer.iterations=1000000")
    said = f"{number(facts['slope_mib_per_hour'])} MiB per hour after minute {facts['from_minute']:.0f}"
    links = f"{_link(folder / 'memory.csv')}, {_link(folder / 'run.json')}"
    command = f"`python benchmarks/memory.py {overrides}`"
    return "\n\n".join(["## Memory of a run", f"{command}: {said}; {links}", _picture(folder / "memory.png")])


def _environments() -> str:
    folder = RESULTS / "environments"
    links = f"{_link(folder / 'README.md', 'the tables')}, {_link(folder / 'steps.json')}"
    log = _link(folder / "dflex_tests.log", "the tests of dflex where it is installed")
    command = f"`{_facts(folder / 'steps.json')['command']}`"
    return f"## Steps a second of the environments\n\n{command}: {links}; {log}"


def _data() -> str:
    file = RESULTS / "data" / "data.json"
    facts = _facts(file)
    rows = [
        {"": name.replace("_", " "), "measured": str(value)} for name, value in facts.items() if type(value) is not dict
    ]
    about = f"`{facts['command']}`: {_link(file)}, [what it says](../../docs/multitask.md)"
    return "\n\n".join(["## Converting and reading data", about, "\n".join(markdown(rows[1:]))])


def _speed() -> str:
    made = [f"- `{_facts(file)['command']}`: {_link(file)}" for file in sorted((RESULTS / "speed").glob("*.json"))]
    about = "The tables are in [docs/performance.md](../../docs/performance.md)."
    return "\n\n".join(["## Speed of updates and iterations", about, "\n".join(made)])


def _read(file: Path) -> list[dict[str, str]]:
    with open(file, newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def _intervals(rows: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """Numbers in three digits, and `x low` and `x high` as an interval behind x."""
    short = [
        {name: number(float(cell)) if FRACTION.fullmatch(cell) else cell for name, cell in row.items()} for row in rows
    ]
    ends = {name + end for name in rows[0] for end in (" low", " high")}
    return [
        {
            name: f"{cell} [{row[f'{name} low']}, {row[f'{name} high']}]" if f"{name} low" in row else cell
            for name, cell in row.items()
            if name not in ends
        }
        for row in short
    ]


def _facts(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text(encoding="utf-8"))


def _path(path: Path) -> str:
    return path.relative_to(RESULTS).as_posix()


def _link(file: Path, words: str = "") -> str:
    return f"[{words or file.name}]({_path(file)})"


def _picture(file: Path) -> str:
    return f"!{_link(file, _words(file))}"


def _words(file: Path) -> str:
    return file.stem.replace("_", " ")

"""The learning studies: which settings were trained, on what, with which seeds, and what came out.

    python benchmarks/learning.py run GROUP… [--workers 2]     train what is missing of the groups
    python benchmarks/learning.py report                       tables and curves from the committed results, here and
                                                               in docs/findings.md

A study is a group of arms, an arm a list of overrides of `wmzoo train`. Finished runs are kept, so an interrupted study
goes on where it was. Runs (with weights) go to runs/learning/, what is committed to benchmarks/results/learning/.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import marked_tables
import yaml

HERE = Path(os.path.relpath(Path(__file__).parent))  # relative, so that no run records a path of this machine
STUDIES = HERE / "studies.yaml"
RESULTS = HERE / "results" / "learning"
RUNS = HERE.parent / "runs" / "learning"
FINDINGS = HERE.parent / "docs" / "findings.md"
DIGITS = 6  # significant digits of committed metrics
LATE = 30  # iterations at the end of a run over which the diagnostics are averaged
MANY = 6  # arms that one picture of curves can hold


def commands(group: str) -> dict[Path, list[str]]:
    """Every run of a group: its folder below the results, and the overrides that make it."""
    study = yaml.safe_load(STUDIES.read_text())[group]
    shared = study.get("overrides", [])
    return {
        Path(group) / arm / f"seed{seed}": [*shared, *overrides, f"seed={seed}"]
        for seed in study["seeds"]
        for arm, overrides in study["arms"].items()
        if overrides is not None  # else the curves come from elsewhere
    }


def train(name: Path, overrides: list[str]) -> None:
    """One run in a process of its own; a run left unfinished is begun again."""
    if (RESULTS / name / "metrics.csv").exists():
        made_by = json.loads((RESULTS / name / "run.json").read_text())["command"]
        if made_by != command_line(overrides):
            print(
                f"{name} was made by `{made_by}`, which is no longer its arm: move it away to train it anew", flush=True
            )
        return
    folder = RUNS / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    print("start", name, flush=True)
    command = [sys.executable, "-m", "wmzoo", "train", *overrides, f"run_dir={folder}"]
    with open(f"{folder}.log", "w") as log:
        code = subprocess.run(
            command, stdout=log, stderr=log, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False
        ).returncode
    print("done " if code == 0 else f"FAILED ({code}), see {folder}.log:", name, flush=True)
    if code == 0:
        keep(folder, RESULTS / name, overrides)


def command_line(overrides: list[str]) -> str:
    """What a user types for the same run."""
    return " ".join(["wmzoo train", *overrides])


def keep(run: Path, results: Path, overrides: list[str]) -> None:
    """Copy a run's metrics, config and facts (not its weights) to the results."""
    results.mkdir(parents=True, exist_ok=True)
    shutil.copy(run / "config.yaml", results)
    facts = json.loads((run / "run.json").read_text())
    facts["command"] = command_line(overrides)
    (results / "run.json").write_text(json.dumps(facts, indent=2) + "\n")
    with open(run / "metrics.csv", newline="") as source, open(results / "metrics.csv", "w", newline="") as target:
        writer = csv.writer(target, lineterminator="\n")
        writer.writerows([[_short(cell) for cell in row] for row in csv.reader(source)])


def _short(cell: str) -> str:
    try:
        return cell if cell.lstrip("-").isdigit() else f"{float(cell):.{DIGITS}g}"
    except ValueError:
        return cell


def _rows(run: Path) -> list[dict[str, str]]:
    with open(run / "metrics.csv", newline="") as file:
        return list(csv.DictReader(file))


def _mean(rows: list[dict[str, str]], column: str) -> str:
    """The column's mean over the rows that have it."""
    values = [float(row[column]) for row in rows if row.get(column)]
    return f"{statistics.fmean(values):.2f}" if values else "–"


def evaluations(run: Path) -> list[tuple[int, float, float]]:
    """(environment steps, return, seconds) of each evaluation of a committed run."""
    rows = [row for row in _rows(run) if row["eval_return"]]
    return [(int(row["env_steps"]), float(row["eval_return"]), float(row["wall_clock"])) for row in rows]


def summary(group: str) -> list[dict[str, str]]:
    """One row per arm: the mean of the last three evaluations by seed, their mean and 95% interval, best, seconds."""
    table = []
    for arm in yaml.safe_load(STUDIES.read_text())[group]["arms"]:
        runs = sorted((RESULTS / group / arm).glob("seed*"))
        if not runs:
            continue
        curves = [evaluations(run) for run in runs]
        finals = [statistics.fmean(value for _, value, _ in curve[-3:]) for curve in curves]
        late = [row for run in runs for row in _rows(run)[-LATE:]]
        returns = {
            "last three evaluations, by seed": ", ".join(f"{final:.0f}" for final in finals),
            "mean ± 95%": interval(finals),
            "best": f"{max(value for curve in curves for _, value, _ in curve):.0f}",
            "mean over the run": f"{statistics.fmean(value for curve in curves for _, value, _ in curve):.0f}",
            "agent steps": f"{curves[0][-1][0]:,}",
        }
        model = {
            "seconds a run": f"{statistics.median(curve[-1][2] for curve in curves):.0f}",
            "latent error, 1 step": _mean(late, "latent_error_first"),
            "H steps": _mean(late, "latent_error_last"),
            "reward R² at H": _mean(late, "reward_r2_last"),
        }
        policy = {
            "saturation": _mean(late, "action_saturation"),
            "actor gradient": _mean(late, "actor_grad_norm"),
        }
        alone = len(curves[0]) < 2  # a study of the model: its policy has hardly begun
        table.append({"arm": arm} | (model if alone else returns | model | policy))
    return table


def interval(values: list[float]) -> str:
    """Mean and Student's t half-width; no width for one seed."""
    quantile = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}
    mean = statistics.fmean(values)
    if len(values) < 2:
        return f"{mean:.0f} (one seed)"
    width = quantile[len(values)] * statistics.stdev(values) / math.sqrt(len(values))
    return f"{mean:.0f} ± {width:.0f}"


def report() -> None:
    """README.md with a table and pictures per group, the tables as CSV, and those in docs/findings.md."""
    findings = FINDINGS.read_text()
    text = ["# Learning studies", "", __doc__.split("\n\n")[2].strip(), ""]
    for group, study in yaml.safe_load(STUDIES.read_text()).items():
        table = summary(group)
        if not table:
            continue
        with open(RESULTS / group / "summary.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, list(table[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(table)
        text += [f"## {study['title']}", "", f"`python benchmarks/learning.py run {group}`", "", *markdown(table), ""]
        text += [f"![{picture.stem}]({group}/{picture.name})" for picture in pictures(group, study["title"], table)]
        text += [""]
        findings = marked_tables.replace(findings, group, markdown(table), FINDINGS)
    (RESULTS / "README.md").write_text("\n".join(text))
    FINDINGS.write_text(findings)


def pictures(group: str, title: str, table: list[dict[str, str]]) -> list[Path]:
    """Learning curves: one picture, or one per task where arms are called task-dynamics; bars for many arms."""
    from wmzoo.runs.learning_curve import plot_comparison

    arms = [row["arm"] for row in table]
    if all(len(evaluations(next((RESULTS / group / arm).glob("seed*")))) < 2 for arm in arms):
        return []  # no curve to draw
    if len(arms) > MANY and group != "tasks":
        return [plot_bars(group, title, arms)]
    panels: dict[str, list[str]] = {}
    for arm in arms:
        panels.setdefault(arm.partition("-")[0] if group == "tasks" else "curves", []).append(arm)
    drawn = []
    for panel, members in panels.items():
        drawn.append(RESULTS / group / f"{panel}.png")
        curves = [(arm, sorted((RESULTS / group / arm).glob("seed*/metrics.csv"))) for arm in members]
        plot_comparison(
            curves, drawn[-1], title=title if panel == "curves" else f"{panel}, the recipe unchanged, 1 seed"
        )
    return drawn


def plot_bars(group: str, title: str, arms: list[str]) -> Path:
    """A bar per arm: the mean of the last three evaluations, the three as dots."""
    from matplotlib.figure import Figure

    last = [[value for _, value, _ in evaluations(next((RESULTS / group / arm).glob("seed*")))[-3:]] for arm in arms]
    figure = Figure(figsize=(8, 0.6 + 0.34 * len(arms)), layout="constrained")
    axes = figure.add_subplot()
    axes.barh(arms, [statistics.fmean(values) for values in last], color="#9ecae1")
    for row, values in enumerate(last):
        axes.plot(values, [row] * len(values), "o", color="#08519c", markersize=4)
    axes.invert_yaxis()
    axes.set(xlabel="return: the last three evaluations and their mean", title=title)
    axes.spines[["top", "right"]].set_visible(False)
    picture = RESULTS / group / "last_evaluations.png"
    figure.savefig(picture, dpi=130)
    return picture


def markdown(table: list[dict[str, str]]) -> list[str]:
    """A table of the rows' columns."""
    lines = ["| " + " | ".join(table[0]) + " |", "|" + "---|" * len(table[0])]
    return lines + ["| " + " | ".join(row.values()) + " |" for row in table]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    subcommands = parser.add_subparsers(dest="what", required=True)
    run = subcommands.add_parser("run")
    run.add_argument("groups", nargs="+", choices=list(yaml.safe_load(STUDIES.read_text())))
    run.add_argument("--workers", type=int, default=2)
    subcommands.add_parser("report")
    args = parser.parse_args()
    if args.what == "report":
        return report()
    with ThreadPoolExecutor(args.workers) as pool:
        for group in args.groups:
            for name, overrides in commands(group).items():
                pool.submit(train, name, overrides)


if __name__ == "__main__":
    main()

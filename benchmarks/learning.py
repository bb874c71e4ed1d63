"""What the learning studies came to: their data, tables and pictures, and the index of all results.

    wmzoo study run benchmarks/studies/main.yaml --workers 2     trains what is missing, in runs/studies/main/
    python benchmarks/learning.py                                keeps what is finished, and writes everything again

A study is a file of benchmarks/studies/ (its key `beside` names arms that were run with other code). Of a finished run
the config, the facts, the metrics and the diagnostics are kept, in benchmarks/results/learning/, and not its weights.
From what is kept come each study's summary.csv and pictures, its table in docs/findings.md and
benchmarks/results/README.md; the standard tasks are put beside published results there, and in README.md. Runs of other
settings than the study has today are left out, and said; a study of which none fits any more is shown as it was.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import fitting
import learning_pictures
import learning_table
import marked_tables
import published
import results_index

from wmzoo.checkpoints.config import CONFIG
from wmzoo.registry.cards import load_yaml
from wmzoo.storage.files import write_json, write_text
from wmzoo.storage.rows import write_csv
from wmzoo.storage.run_layout import FACTS, is_trained, read_facts
from wmzoo.studies import kept
from wmzoo.studies.grid import Study, folder_of, read_study

HERE = Path(__file__).parent
STUDIES = HERE / "studies"
RESULTS = HERE / "results" / "learning"
RUNS = HERE.parent / "runs" / "studies"
FINDINGS, README = HERE.parent / "docs" / "findings.md", HERE.parent / "README.md"
DIAGNOSTICS = "diagnostics/diagnostics.json"  # of `wmzoo study diagnose`
STANDARD = "standard"  # the study that is put beside published results


def keep(run: Path, results: Path) -> None:
    """Copy a finished run's config, facts, metrics and diagnostics; its command without the folder, as a user would
    type it, and other folders as seen from the repository."""
    kept.keep(run, results, more=[DIAGNOSTICS])
    facts = read_facts(results)
    words = [word for word in facts["command"].split() if not word.startswith("run_dir=")]
    write_json(results / FACTS, facts | {"command": " ".join(words)})
    for file in (results / CONFIG, results / FACTS):
        write_text(file, file.read_text(encoding="utf-8").replace(f"{HERE.parent}/", ""))


def results_of(study: Study, beside: Sequence[str] = ()) -> learning_table.Results:
    """What is kept of a study, and of arms beside it, but for runs of other settings than the study has today; of one
    that is over all of it."""
    folder = RESULTS / study.name
    over = study.name != STANDARD and fitting.is_over(study, folder)
    others = [] if over else fitting.left_out(study, folder)
    return learning_table.Results(folder, list(study.tasks), [*study.arms, *beside], others)


def report(study: Study, beside: Sequence[str]) -> list[dict[str, str]]:
    """Keep what is finished of a study, and of arms beside it that lie with its runs; write its table and pictures. The
    table's rows."""
    found = folder_of(study, RUNS)
    others = [f"{cell.task}/{arm}/seed{cell.seed}" for cell in study.cells() for arm in beside]
    for name in dict.fromkeys([*(cell.name for cell in study.cells()), *others]):
        if is_trained(found / name):
            keep(found / name, RESULTS / study.name / name)
    results = results_of(study, beside)
    for name in results.left_out:
        print(f"{study.name}/{name}: left out, made with other settings than today's")
    if rows := results.rows():
        write_csv(rows, results.folder / "summary.csv")
        learning_pictures.draw(results, study.title)
    return rows


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    files = sorted(STUDIES.glob("*.yaml"))
    studies = {file.stem: read_study(str(file)) for file in files}
    tables = {file.stem: report(studies[file.stem], load_yaml(file).get("beside", [])) for file in files}
    findings = FINDINGS.read_text(encoding="utf-8")
    for name, rows in tables.items():
        if rows:
            findings = marked_tables.replace(findings, name, marked_tables.markdown(rows), FINDINGS)
    if beside := published.rows(results_of(studies[STANDARD])):
        findings = marked_tables.replace(findings, "published", marked_tables.markdown(beside), FINDINGS)
        last = marked_tables.markdown(published.last_of_each_task(beside))
        write_text(README, marked_tables.replace(README.read_text(encoding="utf-8"), "published", last, README))
    write_text(FINDINGS, findings)
    write_text(results_index.FILE, results_index.text())


if __name__ == "__main__":
    main()

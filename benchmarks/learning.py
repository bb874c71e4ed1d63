"""What the learning studies came to: their data, tables and pictures, and the index of all results.

    wmzoo study run benchmarks/studies/main.yaml --workers 2     trains what is missing, in runs/studies/main/
    python benchmarks/learning.py                                keeps what is finished, and writes everything again

A study is a file of benchmarks/studies/ (its key `beside` names arms that were run with other code). Of a finished run
the config, the facts and the metrics are kept, in benchmarks/results/learning/, and not its weights. From what is kept
come each study's summary.csv and pictures, its table in docs/findings.md and benchmarks/results/README.md.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import learning_pictures
import learning_table
import marked_tables
import results_index

from wmzoo.registry.cards import load_yaml
from wmzoo.runs.metrics import read_metrics
from wmzoo.storage.files import write_json, write_text
from wmzoo.storage.rows import write_csv
from wmzoo.storage.run_layout import FACTS, is_trained, read_facts
from wmzoo.studies.grid import DIGITS, Study, folder_of, read_study

HERE = Path(__file__).parent
STUDIES = HERE / "studies"
RESULTS = HERE / "results" / "learning"
RUNS = HERE.parent / "runs" / "studies"
FINDINGS = HERE.parent / "docs" / "findings.md"


def keep(run: Path, results: Path) -> None:
    """Copy a finished run's config, facts and metrics; its command without the folder, as a user would type it."""
    results.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(run / "config.yaml", results / "config.yaml")
    facts = read_facts(run)
    words = [word for word in facts["command"].split() if not word.startswith("run_dir=")]
    write_json(results / FACTS, facts | {"command": " ".join(words)})
    write_csv(read_metrics(run), results / "metrics.csv", digits=DIGITS)


def report(study: Study, arms: list[str]) -> list[dict[str, str]]:
    """Keep what is finished of a study, and write its table and pictures; the table's rows."""
    for cell in study.cells():
        if is_trained(run := folder_of(study, RUNS) / cell.name):
            keep(run, RESULTS / study.name / cell.name)
    results = learning_table.Results(RESULTS / study.name, list(study.tasks), arms)
    if rows := results.rows():
        write_csv(rows, results.folder / "summary.csv")
        learning_pictures.draw(results, study.title)
    return rows


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    tables = {}
    for file in sorted(STUDIES.glob("*.yaml")):
        study = read_study(str(file))
        tables[study.name] = report(study, [*study.arms, *load_yaml(file).get("beside", [])])
    findings = FINDINGS.read_text(encoding="utf-8")
    for name, rows in tables.items():
        if rows:
            findings = marked_tables.replace(findings, name, marked_tables.markdown(rows), FINDINGS)
    write_text(FINDINGS, findings)
    write_text(results_index.FILE, results_index.text())


if __name__ == "__main__":
    main()

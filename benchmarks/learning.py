"""What the learning studies came to: their data, tables and pictures, and the index of all results.

    wmzoo study run benchmarks/studies/main.yaml --workers 2     trains what is missing, in runs/studies/main/
    python benchmarks/learning.py                                keeps what is finished, and writes everything again

A study is a file of benchmarks/studies/ (its key `beside` names arms that stand beside, and says what they are). Of a
finished run the config, the facts, the metrics and the diagnostics are kept, in benchmarks/results/learning/, and not
its weights; of policies from data every evaluation's episodes too, and what the data came to. From what is kept come
each study's summary.csv and pictures, its table in docs/findings.md and benchmarks/results/README.md; the standard
tasks are put beside published results there, and in README.md. Runs of other settings than the study has today are left
out, and said; a study of which none fits any more is shown as it was.
"""

from __future__ import annotations

import argparse
from collections.abc import Collection
from pathlib import Path

import fitting
import learning_from_data
import learning_pictures
import learning_table
import marked_tables
import published
import results_index
from commands import without_folder

from wmzoo.checkpoints.config import CONFIG
from wmzoo.registry import get
from wmzoo.registry.cards import load_yaml
from wmzoo.storage.files import write_json, write_text
from wmzoo.storage.foreign import read_config
from wmzoo.storage.rows import write_csv
from wmzoo.storage.run_layout import EVALUATIONS, FACTS, is_trained, read_facts
from wmzoo.studies import kept
from wmzoo.studies.grid import Study, folder_of, read_study
from wmzoo.trainers.build import extracts

HERE = Path(__file__).parent
STUDIES = HERE / "studies"
RESULTS = HERE / "results" / "learning"
RUNS = HERE.parent / "runs" / "studies"
FINDINGS, README = HERE.parent / "docs" / "findings.md", HERE.parent / "README.md"
DIAGNOSTICS = "diagnostics/diagnostics.json"  # of `wmzoo study diagnose`
STANDARD = "standard"  # the study that is put beside published results


def keep(run: Path, results: Path, episodes: bool = False) -> None:
    """Copy a finished run's config, facts, metrics and diagnostics, and with `episodes` its evaluations; its command
    without the folder, as a user would type it, and other folders as seen from the repository."""
    evaluations = [file.relative_to(run).as_posix() for file in sorted((run / EVALUATIONS).glob("*.json"))]
    kept.keep(run, results, more=[DIAGNOSTICS, *(evaluations if episodes else ())])
    facts = read_facts(results)
    write_json(results / FACTS, facts | {"command": without_folder(facts["command"])})
    for file in (results / CONFIG, results / FACTS):
        write_text(file, file.read_text(encoding="utf-8").replace(f"{HERE.parent}/", ""))


def results_of(study: Study, beside: Collection[str] = ()) -> learning_table.Results:
    """What is kept of a study, and of arms beside it, but for runs of other settings than the study has today. Of one
    of which no run fits all of it: it is the record of another time, and its runs belong together."""
    folder = RESULTS / study.name
    fits = fitting.fits(study, folder)
    over = study.name != STANDARD and not any(fits.values())
    others = [] if over else [name for name, does in fits.items() if not does]
    return learning_table.Results(folder, list(study.tasks), [*study.arms, *beside], others)


def learns_from_data(run: Path) -> bool:
    """Whether the run made a policy out of data; one of other code did not."""
    name = (read_config(run / CONFIG).get("trainer") or {}).get("name")
    return name is not None and extracts(get("trainer", name).needs)


def report(study: Study, beside: Collection[str]) -> list[list[dict[str, str]]]:
    """Keep what is finished of a study, and of arms beside it that lie with its runs; write its tables and pictures.
    Gives the rows of the tables, of none that would be empty."""
    found = folder_of(study, RUNS)
    others = [f"{cell.task}/{arm}/seed{cell.seed}" for cell in study.cells() for arm in beside]
    names = dict.fromkeys([*(cell.name for cell in study.cells()), *others])
    done = {found / name: RESULTS / study.name / name for name in names if is_trained(found / name)}
    from_data = any(map(learns_from_data, done))
    for run, results_of_run in done.items():
        keep(run, results_of_run, episodes=from_data)
    if from_data:
        learning_from_data.keep_data(done.values(), RESULTS / study.name, HERE.parent)
    results = results_of(study, beside)
    for name in results.left_out:
        print(f"{study.name}/{name}: left out, made with other settings than today's")
    if learning_from_data.is_from_data(results):
        tables = {"summary": learning_from_data.rows(results), "acceptance": learning_from_data.acceptance(results)}
    else:
        tables = {"summary": results.rows()}
    for name, rows in tables.items():
        if rows:
            write_csv(rows, results.folder / f"{name}.csv")
    if tables["summary"]:
        learning_pictures.draw(results, study.title)
    return [rows for rows in tables.values() if rows]


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    files = sorted(STUDIES.glob("*.yaml"))
    studies = {file.stem: read_study(str(file)) for file in files}
    tables = {file.stem: report(studies[file.stem], load_yaml(file).get("beside", [])) for file in files}
    findings = FINDINGS.read_text(encoding="utf-8")
    for name, of_study in tables.items():
        if of_study:
            first, *rest = map(marked_tables.markdown, of_study)
            lines = [*first, *(line for table in rest for line in ("", *table))]
            findings = marked_tables.replace(findings, name, lines, FINDINGS)
    if beside := published.rows(results_of(studies[STANDARD])):
        findings = marked_tables.replace(findings, "published", marked_tables.markdown(beside), FINDINGS)
        last = marked_tables.markdown(published.last_of_each_task(beside))
        write_text(README, marked_tables.replace(README.read_text(encoding="utf-8"), "published", last, README))
    write_text(FINDINGS, findings)
    write_text(results_index.FILE, results_index.text())


if __name__ == "__main__":
    main()

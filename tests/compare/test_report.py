"""The command from run folders to files: figures of the tables, words of the conclusions, what is left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from synthetic_runs import rows, two_arms, undrawn, write_run, write_study

from wmzoo.cli.main import main
from wmzoo.compare import tables
from wmzoo.compare.horizons import QUANTITIES
from wmzoo.compare.report import Report
from wmzoo.compare.tasks import Settings

QUICK = Settings(repetitions=200)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a study of two tasks and three seeds, beside its runs; its pictures are not drawn."""
    root = tmp_path_factory.mktemp("study")
    write_study(root / "runs", seeds=3, tasks=2)
    with undrawn("png", "svg"):
        assert main(["compare", str(root / "runs"), "--baseline", "mlp", "--out", str(root / "report")]) == 0
    return root


def test_every_picture_and_table_is_written_once(study: Path) -> None:
    names = {
        *("aggregates", "differences", "improvement", "profiles", "aggregate_curves"),
        *("learning_curves_steps", "learning_curves_seconds"),
        *(quantity.name for quantity in QUANTITIES),
    }
    report = study / "report"
    assert {file.name for file in (report / "figures").iterdir()} == {f"{name}.png" for name in names}
    assert {file.stem for file in (report / "tables").glob("*.csv")} >= {
        *("aggregates", "differences", "power", "scores", "speed", "parity", "configuration", "runs"),
        *("esnr", "latent_error"),
        *("learning_curves_steps", "learning_curves_seconds"),
    }


def test_the_report_s_aggregates_are_rliable_s(study: Path) -> None:
    pytest.importorskip("rliable", reason="no release for this Python")
    from rliable import metrics

    runs, table = rows(study / "report/tables/runs.csv"), rows(study / "report/tables/aggregates.csv")
    assert len(table) == 4
    matrices = {}
    for row in table:
        of_arm = [run for run in runs if run["arm"] == row["arm"]]
        tasks = sorted({run["task"] for run in runs})
        column = f"return {row['compared']}"
        scores = np.array([[float(r[column]) / 1000 for r in of_arm if r["task"] == task] for task in tasks]).T
        matrices[row["compared"], row["arm"]] = scores
        assert float(row["IQM"]) == pytest.approx(metrics.aggregate_iqm(scores))
        assert float(row["median"]) == pytest.approx(metrics.aggregate_median(scores))
        assert float(row["mean"]) == pytest.approx(metrics.aggregate_mean(scores))
        assert float(row["IQM low"]) <= float(row["IQM"]) <= float(row["IQM high"])
    for compared in ("at equal steps", "at equal seconds"):
        found = [
            float(r["P(arm > mlp)"]) for r in rows(study / "report/tables/differences.csv") if r["compared"] == compared
        ]
        x, y = (matrices[compared, arm] for arm in ("flow", "mlp"))
        assert np.mean(found) == pytest.approx(metrics.probability_of_improvement(x, y))


def test_speed_parity_and_configuration_are_those_of_the_runs(study: Path) -> None:
    tables = study / "report/tables"
    speed = {(r["task"], r["arm"]): r for r in rows(tables / "speed.csv")}
    assert speed["cheetah-run" if ("cheetah-run", "mlp") in speed else "pendulum-swingup", "flow"]["non-finite"] == "2"
    for row in speed.values():
        assert float(row["agent steps/s"]) == pytest.approx(1024 / (4.0 if row["arm"] == "mlp" else 7.5), rel=0.06)
    parity = {r["arm"]: r for r in rows(tables / "parity.csv")}
    assert parity["mlp"]["dynamics"] == "133,248" and parity["flow"]["dynamics"] == "133,001 (−0.19%)"
    assert parity["flow"]["NFE"] == "4 (+300.0%)"
    configuration = {r["key"]: r for r in rows(tables / "configuration.csv")}
    assert set(configuration) == {"dynamics.name", "dynamics.units"}  # not seed, run_dir or env.task
    assert configuration["dynamics.units"] == {"key": "dynamics.units", "mlp": "[256,256]", "flow": "[250,250]"}


def test_the_page_names_seeds_commands_and_sources(study: Path) -> None:
    page = (study / "report/report.html").read_text()
    assert "12 runs, 3 seeds of each" in page and "(3 seeds each)" in page
    assert "wmzoo train dynamics=flow env.task=pendulum-swingup seed=2" in page
    assert f"wmzoo compare {study / 'runs'} --by dynamics" in page and "--baseline mlp" in page
    assert "arXiv 2108.13264" in page and "divided by 1000" in page
    assert "http://" not in page and "https://" not in page and "<script" not in page


def content(report: Path) -> dict[str, bytes]:
    """Without the folders that the page's command names."""
    files = {path.relative_to(report).as_posix(): path.read_bytes() for path in report.rglob("*.*")}
    return files | {"report.html": files["report.html"].replace(str(report).encode(), b"DIR")}


@pytest.mark.usefixtures("no_drawing")
def test_the_same_runs_give_the_same_tables_and_words_byte_for_byte(study: Path, tmp_path: Path) -> None:
    """And the same pictures: reports/test_canvas.py, and below."""
    assert main(["compare", str(study / "runs"), "--baseline", "mlp", "--out", str(tmp_path / "again")]) == 0
    assert content(study / "report") == content(tmp_path / "again")


@pytest.mark.slow
def test_the_same_runs_give_the_same_report_byte_for_byte_pictures_included(tmp_path: Path) -> None:
    write_study(tmp_path / "runs", seeds=2, tasks=1)
    for name in ("first", "again"):
        assert main(["compare", str(tmp_path / "runs"), "--baseline", "mlp", "--out", str(tmp_path / name)]) == 0
    assert content(tmp_path / "first") == content(tmp_path / "again")


@pytest.mark.usefixtures("no_drawing")
def test_a_run_that_never_reaches_the_threshold_is_counted(tmp_path: Path) -> None:
    two_arms(tmp_path / "runs", {"mlp": [[0, 900.0]] * 3, "flow": [[0, 100.0], [0, 100.0], [0, 900.0]]})
    report = Report([tmp_path / "runs"], ["dynamics"], "", Settings(last=1, repetitions=200), baseline="mlp")
    page = report.write(tmp_path / "report").read_text()
    assert "not reached (2 of 3)" in page
    flow = rows(tmp_path / "report/tables/speed.csv")[1]
    assert flow["steps to it"] == "inf" and flow["steps to it not reached"] == "2"


@pytest.mark.usefixtures("no_drawing")
def test_longer_runs_failed_runs_other_machines_and_late_evaluations_are_told(tmp_path: Path) -> None:
    two_arms(tmp_path, {"mlp": [[100.0, 200.0]] * 3}, seconds=1.0, start=0.0)
    two_arms(tmp_path, {"flow": [[100.0, 200.0, 300.0]] * 3}, seconds=40.0, start=0.0, facts={"threads": 8})
    write_run(tmp_path / "bad", dynamics="flow", task="cheetah-run", seed=9, returns=[1.0], status="failed")
    page = Report([tmp_path], ["dynamics"], "", QUICK, baseline="mlp").write(tmp_path / "report").read_text()
    assert "some runs are longer than 40,960 steps" in page
    assert "1 run of flow on cheetah-run, failed" in page
    assert "The runs differ in run.json: threads: their seconds are not comparable" in page
    assert "There is no comparison at equal seconds" in page and "at equal seconds (" not in page
    assert "No run has such diagnostics; `wmzoo diagnose RUN` makes them." in page
    assert "On cheetah-run some runs have 2 evaluations up to where they are compared: their scores are not" in page


@pytest.mark.usefixtures("no_drawing")
def test_a_curve_of_two_points_is_a_table(tmp_path: Path) -> None:
    two_arms(tmp_path, {"mlp": [[100.0, 200.0]] * 3, "flow": [[150.0, 250.0]] * 3})
    page = Report([tmp_path], ["dynamics"], "", QUICK, baseline="mlp").write(tmp_path / "report").read_text()
    assert 'id="table-learning_curves_steps"' in page and "Evaluation return by agent steps" in page
    assert not (tmp_path / "report/figures/learning_curves_steps.png").exists()


def test_a_run_that_has_served_before_is_named_as_what_it_was_trained(tmp_path: Path) -> None:
    """By its config, which a copy or a link in the folder of another study keeps; a moved tree is no other run."""
    two_arms(tmp_path, {"mlp": [[100.0, 200.0]] * 3, "flow": [[100.0, 200.0]] * 3})
    configs = {name: tmp_path / name / "config.yaml" for name in ("mlp/seed0", "mlp/seed1", "flow/seed0")}
    said = {"mlp/seed0": "runs/studies/former/cheetah_run/mlp/seed0", "mlp/seed1": "mlp/seed1", "flow/seed0": "null"}
    for name, file in configs.items():
        lines = file.read_text().splitlines()
        file.write_text("\n".join(f"run_dir: {said[name]}" if line.startswith("run_dir") else line for line in lines))
    report = Report([tmp_path], ["dynamics"], "", QUICK, baseline="mlp")
    table = tables.runs(report.comparison)
    assert table.columns[-1] == "trained as" and "trained as another run" in table.caption
    assert [row[-1] for row in table.rows] == [said["mlp/seed0"], "", "", "", "", ""]
    configs["mlp/seed0"].write_text(
        configs["mlp/seed1"].read_text().replace("seed: 1", "seed: 0").replace("seed1", "seed0")
    )
    again = tables.runs(Report([tmp_path], ["dynamics"], "", QUICK, baseline="mlp").comparison)
    assert again.columns[-1] == "folder" and "trained as" not in again.caption


@pytest.mark.usefixtures("no_drawing")
def test_runs_of_another_study_are_named_by_their_folders(tmp_path: Path) -> None:
    for name, arm in (("former", "mlp"), ("new", "flow")):
        two_arms(tmp_path / name, {arm: [[100.0, 200.0, 300.0]] * 3})
    page = Report([tmp_path / "former", tmp_path / "new"], ["dynamics"], "", QUICK, baseline="mlp")
    written = page.write(tmp_path / "report").read_text().replace("<wbr>", "")
    assert (tmp_path / "former/mlp/seed1").as_posix() in written


@pytest.mark.usefixtures("no_drawing")
def test_policies_from_data_are_compared_by_iterations_in_every_table_and_in_words(tmp_path: Path) -> None:
    """Three evaluations after 10, 20 and 30 iterations: means of 200 and 400."""
    two_arms(tmp_path, {"mlp": [[100.0, 200.0, 300.0]] * 3, "flow": [[300.0, 400.0, 500.0]] * 3}, acts=False)
    page = Report([tmp_path], ["dynamics"], "", QUICK, baseline="mlp").write(tmp_path / "report").read_text()
    assert "Steps are iterations of the training: it learns from data" in page
    assert "Evaluation return by iterations" in page and "Evaluation return by agent steps" not in page
    written = tmp_path / "report" / "tables"
    runs = rows(written / "runs.csv")
    assert [float(run["iterations"]) for run in runs] == [30.0] * 6
    assert "environment steps" not in runs[0] and "agent steps" not in runs[0]
    curves = rows(written / "learning_curves_steps.csv")
    assert [float(row["iterations"]) for row in curves if row["arm"] == "mlp"] == [10.0, 20.0, 30.0]
    found = {row["arm"]: row for row in rows(written / "scores.csv") if row["at"] == "30.0 iterations"}
    assert {arm: float(row["mean return"]) for arm, row in found.items()} == {"mlp": 200.0, "flow": 400.0}

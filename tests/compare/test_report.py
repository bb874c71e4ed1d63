"""The command from run folders to files: figures of the tables, words of the conclusions, what is left out."""

from __future__ import annotations

import csv
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from synthetic_runs import write_run, write_study

from wmzoo.cli.main import main
from wmzoo.compare import tables
from wmzoo.compare.analysis import compare
from wmzoo.compare.horizons import QUANTITIES, curves
from wmzoo.compare.report import Report
from wmzoo.compare.selection import select_runs
from wmzoo.compare.tasks import Settings

QUICK = Settings(repetitions=200)


def rows(file: Path) -> list[dict[str, str]]:
    with open(file, newline="") as opened:
        return list(csv.DictReader(opened))


def two_arms(root: Path, returns: dict[str, list[list[float]]], task: str = "cheetah-run", **more: Any) -> Path:
    """returns: by arm, of each seed."""
    for arm, seeds in returns.items():
        for seed, values in enumerate(seeds):
            folder = root / arm / f"seed{seed}"
            write_run(folder, dynamics=arm, task=task, seed=seed, returns=values, **more)
    return root


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a study of two tasks and three seeds, beside its runs."""
    root = tmp_path_factory.mktemp("study")
    write_study(root / "runs", seeds=3, tasks=2)
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
        *("aggregates", "differences", "scores", "speed", "parity", "configuration", "runs", "esnr", "latent_error"),
        *("learning_curves_steps", "learning_curves_seconds"),
    }


def test_the_report_s_aggregates_are_rliable_s(study: Path) -> None:
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


def test_the_same_runs_give_the_same_report_byte_for_byte(study: Path, tmp_path: Path) -> None:
    command = ["compare", str(study / "runs"), "--baseline", "mlp", "--out"]
    assert main([*command, str(tmp_path / "again")]) == 0
    first, again = (
        {file.relative_to(root): file.read_bytes() for file in sorted(root.rglob("*.*")) if file.suffix != ".html"}
        for root in (study / "report", tmp_path / "again")
    )
    assert first == again


def test_values_by_hand(tmp_path: Path) -> None:
    """Evaluations at 1,024 · 10, 20, 30, 40 steps after 20,480; the mlp takes 1 s an iteration, the flow 2 s."""
    curves = [100.0, 400.0, 700.0, 700.0], [100.0, 400.0, 700.0, 1000.0], [100.0, 400.0, 700.0, 850.0]
    two_arms(tmp_path / "a", {"mlp": list(curves)}, seconds=1.0, start=0.0)
    two_arms(tmp_path / "a", {"flow": [[0.0, 0.0, 300.0, 600.0]] * 3}, seconds=2.0, start=0.0)
    comparison = compare(select_runs([tmp_path / "a"], ["dynamics"], "mlp")[0], Settings(last=3))
    (task,) = comparison.tasks
    assert task.end == {"steps": 20480 + 40960, "seconds": 40.0} and task.natural
    assert comparison.returns("steps", "mlp", task).tolist() == pytest.approx([600, 700, 650])
    assert comparison.returns("steps", "flow", task).tolist() == pytest.approx([300] * 3)
    assert comparison.returns("seconds", "flow", task).tolist() == pytest.approx([0] * 3)  # its second evaluation
    assert comparison.task_difference("steps", "flow", task).value == pytest.approx(-350)
    assert comparison.improvement("steps", "flow").value == 0
    assert comparison.aggregate("IQM", "steps", "mlp").value == pytest.approx(0.65)
    assert task.threshold == pytest.approx(0.8 * 650)
    mlp, flow = (comparison.reach("steps", arm, task) for arm in ("mlp", "flow"))
    assert mlp.median.value == pytest.approx(20480 + 10240 * (2 + 120 / 300)) and mlp.missed == 0
    assert flow.median.value == pytest.approx(20480 + 10240 * (3 + 220 / 300))
    assert comparison.reach("seconds", "flow", task).median.value == pytest.approx(60 + 20 * 220 / 300)
    assert comparison.area("steps", "flow", task).value == pytest.approx((0 + 150 + 450) / 3)
    assert comparison.area("seconds", "mlp", task).value == pytest.approx(
        ((400 + 700) / 2 + (700 + (700 + 1000 + 850) / 3) / 2) / 2  # from the flow's first evaluation, at 20 s, to 40 s
    )


@pytest.mark.parametrize(
    ("flow", "words", "better"),
    [
        ([500.0, 510.0, 505.0], "flow is better", "flow"),
        ([100.0, 110.0, 105.0], "mlp is better", "mlp"),
        ([190.0, 205.0, 210.0], "a difference is not shown", None),
        ([500.0, 510.0], "no conclusion from fewer than 3 seeds of each", None),
        ([900.0], "no conclusion from fewer than 3 seeds of each", None),
    ],
)
def test_a_difference_is_claimed_only_with_seeds_and_an_interval_without_zero(
    tmp_path: Path, flow: list[float], words: str, better: str | None
) -> None:
    two_arms(tmp_path, {"mlp": [[v] * 4 for v in (200.0, 210.0, 190.0)], "flow": [[v] * 4 for v in flow]})
    report = Report([tmp_path], ["dynamics"], "", QUICK, baseline="mlp")
    steps = report.conclusions[0]
    assert steps.text.startswith("flow − mlp on cheetah-run: ") and steps.text.endswith(f": {words}.")
    assert steps.better == better
    assert ("3 seeds each" in steps.text) == (len(flow) == 3)
    in_table = tables.comparisons(report.comparison).rows[0][-1]
    assert in_table == (words if better else "not shown" if "not shown" in words else "too few seeds")


def test_a_run_that_never_reaches_the_threshold_is_counted(tmp_path: Path) -> None:
    two_arms(tmp_path / "runs", {"mlp": [[0, 900.0]] * 3, "flow": [[0, 100.0], [0, 100.0], [0, 900.0]]})
    report = Report([tmp_path / "runs"], ["dynamics"], "", Settings(last=1, repetitions=200), baseline="mlp")
    page = report.write(tmp_path / "report").read_text()
    assert "not reached (2 of 3)" in page
    flow = rows(tmp_path / "report/tables/speed.csv")[1]
    assert flow["steps to it"] == "inf" and flow["steps to it not reached"] == "2"


def test_other_suites_are_normalised_by_the_evaluations_and_the_report_says_so(tmp_path: Path) -> None:
    two_arms(tmp_path, {"mlp": [[-50.0, 150.0]] * 3, "flow": [[0, 50.0]] * 3}, task="Hopper-v5", suite="gymnasium")
    report = Report([tmp_path], ["dynamics"], "", Settings(last=1, repetitions=200), baseline="mlp")
    (task,) = report.comparison.tasks
    assert (task.low, task.high, task.natural) == (-50.0, 150.0, False)
    assert report.comparison.scores("steps", "flow")[0].tolist() == [0.5] * 3
    assert task.threshold == pytest.approx(-50 + 0.8 * 200)
    assert "Hopper-v5: 0 at −50.0, 1 at 150, the lowest" in report.write(tmp_path / "report").read_text()


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


def test_runs_of_one_arm_that_differ_are_told(tmp_path: Path) -> None:
    two_arms(tmp_path, {"mlp": [[1.0]], "flow": [[1.0]]})
    write_run(tmp_path / "x", dynamics="mlp", task="cheetah-run", seed=1, returns=[1.0], config={"gamma": 0.9})
    page = Report([tmp_path], ["dynamics"], "", QUICK).write(tmp_path / "report").read_text()
    assert "Runs of one arm and task differ in gamma: are they one arm?" in page


def test_diagnostics_with_parts_missing_or_odd_are_left_out_quietly(tmp_path: Path) -> None:
    two_arms(tmp_path, {"mlp": [[1.0, 2.0]] * 2, "flow": [[1.0, 2.0]] * 2})
    for run in tmp_path.glob("*/seed*"):
        (run / "diagnostics").mkdir()
        found: dict[str, Any] = {
            "horizons": [1, 2, 4],
            "esnr": {"value": [3.0, None, 1.0]},
            "cosine": [1.0],
            "open_loop": {},
        }
        if run.name == "seed1":
            found = {"horizons": [2, 4, 8], "esnr": {"value": [5.0, 4.0, 3.0]}, "jacobian": "?"}
        (run / "diagnostics" / "diagnostics.json").write_text(json.dumps(found))
    Report([tmp_path], ["dynamics"], "", QUICK).write(tmp_path / "report")
    table = rows(tmp_path / "report/tables/esnr.csv")
    assert [(r["arm"], r["horizon"], r["ESNR"]) for r in table][:2] == [("flow", "2.0", ""), ("flow", "4.0", "2.5")]
    assert not (tmp_path / "report/figures/cosine.png").exists()


def test_what_wmzoo_diagnose_writes_is_drawn_whole(tmp_path: Path) -> None:
    two_arms(tmp_path, {"mlp": [[1.0, 2.0]], "flow": [[1.0, 2.0]]})
    few = ["--horizons", "1,2,4", "--estimates", "5", "--episodes", "1"]
    run = tmp_path / "flow" / "seed0"
    assert main(["diagnose", "cartpole_swingup-flow", *few, "--out", str(run / "diagnostics")]) == 0
    comparison = compare(select_runs([tmp_path], ["dynamics"])[0], QUICK)
    found = {quantity.name: curves(comparison, quantity) for quantity in QUANTITIES}
    assert all(list(each["cheetah-run"]) == ["flow"] for each in found.values())
    esnr = found["esnr"]["cheetah-run"]["flow"]
    assert esnr.x.tolist() == [1, 2, 4] and esnr.y.has_interval  # a single run's own interval
    assert np.all(esnr.y.low < esnr.y.value) and np.all(esnr.y.value < esnr.y.high)


def test_a_folder_that_is_no_former_report_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    two_arms(tmp_path / "runs", {"mlp": [[1.0]], "flow": [[1.0]]})
    out = tmp_path / "mine"
    out.mkdir()
    (out / "thesis.tex").write_text("years of work")
    assert main(["compare", str(tmp_path / "runs"), "--out", str(out)]) == 2
    assert "is not empty and no former report" in capsys.readouterr().err
    assert [file.name for file in out.iterdir()] == ["thesis.tex"]
    assert main(["compare", str(tmp_path / "runs"), "--out", str(out / "thesis.tex")]) == 2
    assert main(["compare", str(tmp_path / "runs"), "--out", str(tmp_path / "new")]) == 0
    (tmp_path / "new/figures/esnr.png").write_text("of the former runs")
    with open(tmp_path / "new/.written", "a") as written:
        written.write("figures/esnr.png\n")
    (tmp_path / "new/figures/mine.png").write_text("a user's")
    assert main(["compare", str(tmp_path / "runs"), "--out", str(tmp_path / "new")]) == 0
    assert not (tmp_path / "new/figures/esnr.png").exists() and (tmp_path / "new/figures/mine.png").exists()


@pytest.mark.parametrize("option", [["--last", "0"], ["--threshold", "1.5"], ["--seed", "-1"], ["--by", "nothing"]])
def test_a_wrong_option_is_one_line(tmp_path: Path, option: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    two_arms(tmp_path, {"mlp": [[1.0]], "flow": [[1.0]]})
    assert main(["compare", str(tmp_path), "--out", str(tmp_path / "report"), *option]) == 2
    assert capsys.readouterr().err.count("\n") == 1 and not (tmp_path / "report").exists()


@pytest.mark.parametrize("tasks", [1, pytest.param(5, marks=pytest.mark.slow)])
def test_no_text_of_a_figure_overlaps_another(tmp_path: Path, tasks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: dict[Figure, list[tuple[str, Bbox]]] = {}
    sizes: dict[Figure, Bbox] = {}
    draw_figure, draw_text = Figure.draw, Text.draw

    def begin(figure: Figure, renderer: Any) -> None:
        drawn[figure] = []  # of the last time, when all is in its place
        sizes[figure] = figure.bbox.frozen()
        draw_figure(figure, renderer)

    def note(text: Text, renderer: Any, *args: Any, **kwargs: Any) -> None:
        draw_text(text, renderer, *args, **kwargs)
        if text.get_visible() and text.get_text().strip():
            drawn[text.get_figure(root=True)].append((text.get_text(), text.get_window_extent(renderer)))

    monkeypatch.setattr(Figure, "draw", begin)
    monkeypatch.setattr(Text, "draw", note)
    write_study(tmp_path / "runs", seeds=2, tasks=tasks)
    for config in list((tmp_path / "runs").glob("*/flow/seed*/config.yaml")):
        run = config.parent.parent.with_name("heun") / config.parent.name
        write_run(run, dynamics="flow_of_a_long_name", task=config.parts[-4], seed=int(run.name[4:]), returns=[1, 900])
    Report([tmp_path / "runs"], ["dynamics", "integrator"], "", QUICK).write(tmp_path / "report")
    assert len(drawn) >= 7
    for figure, texts in drawn.items():
        assert len(texts) > 10
        boxes = [(text, box.padded(-0.5)) for text, box in texts]
        assert [(a, b) for (a, x), (b, y) in itertools.combinations(boxes, 2) if x.overlaps(y)] == []
        assert [text for text, box in texts if not within(sizes[figure], box)] == []


def within(outer: Bbox, inner: Bbox) -> bool:
    return bool(outer.x0 <= inner.x0 and inner.x1 <= outer.x1 and outer.y0 <= inner.y0 and inner.y1 <= outer.y1)

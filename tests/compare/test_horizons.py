"""Diagnostics of runs: what is drawn of them, and what is left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from saved_agents import saved
from synthetic_runs import rows, run_in_memory, two_arms, write_accuracy, write_diagnostics

from wmzoo.cli.main import main
from wmzoo.compare import horizons
from wmzoo.compare.analysis import compare
from wmzoo.compare.horizons import QUANTITIES, curves
from wmzoo.compare.report import Report
from wmzoo.compare.selection import select_runs
from wmzoo.compare.tasks import Settings

QUICK = Settings(repetitions=200)


@pytest.mark.usefixtures("no_drawing")
def test_diagnostics_with_parts_missing_or_odd_are_left_out_quietly(tmp_path: Path) -> None:
    two_arms(tmp_path, {"mlp": [[1.0, 2.0]] * 2, "flow": [[1.0, 2.0]] * 2})
    for run in tmp_path.glob("*/seed*"):
        (run / "diagnostics").mkdir()
        found: dict[str, Any] = {
            "horizons": [1, 2, 4],
            "esnr": {"value": [3.0, None, 1.0]},
            "cosine": [1.0],
            "gradient_accuracy": {"cosine": {"value": [None] * 3}},  # a reward that does not change
            "open_loop": {},
        }
        if run.name == "seed1":
            found = {"horizons": [2, 4, 8], "esnr": {"value": [5.0, 4.0, 3.0]}, "jacobian": "?"}
        (run / "diagnostics" / "diagnostics.json").write_text(json.dumps(found))
    Report([tmp_path], ["dynamics"], "", QUICK).write(tmp_path / "report")
    table = rows(tmp_path / "report/tables/esnr.csv")
    assert [(r["arm"], r["horizon"], r["ESNR"]) for r in table][:2] == [("flow", "2.0", ""), ("flow", "4.0", "2.5")]
    for name in ("cosine", "gradient_accuracy"):
        assert not (tmp_path / f"report/figures/{name}.png").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("no_drawing")
def test_what_wmzoo_diagnose_writes_is_drawn_whole(tmp_path: Path) -> None:
    two_arms(tmp_path, {"mlp": [[1.0, 2.0]], "flow": [[1.0, 2.0]]})
    few = ["--horizons", "1,2,4", "--estimates", "5", "--episodes", "1"]
    run = tmp_path / "flow" / "seed0"
    agent = saved(tmp_path / "agent", "env=cartpole_swingup", dynamics="flow")
    assert main(["diagnose", str(agent), *few, "--out", str(run / "diagnostics")]) == 0
    comparison = compare(select_runs([tmp_path], ["dynamics"])[0], QUICK)
    found = {quantity.name: curves(comparison, quantity) for quantity in QUANTITIES if quantity.x != "iteration"}
    assert all(list(each["cheetah-run"]) == ["flow"] for each in found.values())
    esnr = found["esnr"]["cheetah-run"]["flow"]
    assert esnr.x.tolist() == [1, 2, 4] and esnr.y.has_interval  # a single run's own interval
    assert np.all(esnr.y.low < esnr.y.value) and np.all(esnr.y.value < esnr.y.high)


ESNR = next(q for q in horizons.QUANTITIES if q.name == "esnr")


def test_diagnostics_are_compared_by_the_ranks_of_runs_over_all_tasks():
    """On task s the arm's runs are above in all 4 pairs, on t, at another scale, in 1 of 4: 5/8 at both horizons."""
    values = {("s", "b"): (3, 4), ("s", "a"): (1, 2), ("t", "b"): (100, 300), ("t", "a"): (200, 400)}
    runs = [
        run_in_memory(arm, seed, (60, 1.0), [1.0], task, esnr)
        for (task, arm), pair in sorted(values.items())
        for seed, esnr in enumerate(pair)
    ]
    found = horizons.differences(compare(runs, Settings(repetitions=200)), ESNR)
    assert [(each.at, each.arm, each.tasks) for each in found] == [(1.0, "b", 2), (2.0, "b", 2)]
    assert [float(each.probability.value) for each in found] == [5 / 8, 5 / 8]


def test_of_gradients_every_seed_is_to_be_seen():
    runs = [run_in_memory("a", seed, (60, 1.0), [1.0], "s", esnr) for seed, esnr in enumerate((3.0, 5.0))]
    curve = curves(compare(runs, Settings(repetitions=200)), ESNR)["s"]["a"]
    assert curve.each is not None and curve.each.tolist() == [[3.0, 5.0], [30.0, 50.0]]  # by horizon, by run


@pytest.mark.usefixtures("no_drawing")
@pytest.mark.parametrize("diagnosed", ["mlp/seed0", "flow/seed0"])
def test_diagnostics_of_one_arm_alone_are_shown_without_a_comparison(tmp_path: Path, diagnosed: str) -> None:
    two_arms(tmp_path, {arm: [[1.0, 2.0]] * 2 for arm in ("mlp", "flow", "other")})
    write_diagnostics(tmp_path / diagnosed, 1.0, np.random.default_rng(0))
    page = Report([tmp_path], ["dynamics"], "", QUICK, baseline="mlp").write(tmp_path / "report").read_text()
    assert "<h2>Gradients by horizon</h2>" in page and 'id="table-diagnostics"' not in page
    assert (tmp_path / "report/tables/esnr.csv").exists() and not (tmp_path / "report/tables/diagnostics.csv").exists()


def at_eight(cosine: float) -> np.ndarray:
    """Cosines at 1, 2, 4, 8, 16; the one at 8 is this, and no other is near it."""
    return np.array([0.99, 0.98, 0.97, cosine, -0.9])


@pytest.mark.usefixtures("no_drawing")
def test_gradient_accuracy_is_followed_over_the_checkpoints_of_training_at_a_horizon_of_eight(tmp_path: Path) -> None:
    """Means of two seeds by hand; a checkpoint that was looked at on other trajectories is left out."""
    two_arms(tmp_path, {"mlp": [[1.0, 2.0]] * 2, "flow": [[1.0, 2.0]] * 2})
    cosines = {"mlp": [(0.1, 0.3), (0.2, 0.4), (0.5, 0.7)], "flow": [(0.3, 0.5), (0.1, 0.3), (0.6, 0.8)]}
    for arm, of_arm in cosines.items():
        for checkpoint, pair in enumerate(of_arm):
            for seed, cosine in enumerate(pair):
                folder = tmp_path / arm / f"seed{seed}" / "diagnostics"
                newest = checkpoint == 2
                iteration = 24 * (checkpoint + 1)
                write_accuracy(folder if newest else folder / f"{iteration:08d}", iteration, at_eight(cosine), "mlp")
    write_accuracy(tmp_path / "mlp/seed0/diagnostics/00000012", 12, at_eight(0.9), along=None)
    report = Report([tmp_path], ["dynamics"], "", QUICK, baseline="mlp")
    page = report.write(tmp_path / "report").read_text()
    assert 'id="table-gradient_accuracy_over_training"' in page
    assert (tmp_path / "report/figures/gradient_accuracy_over_training.png").exists()
    table = rows(tmp_path / "report/tables/gradient_accuracy_over_training.csv")
    assert [(row["arm"], float(row["iteration"]), pytest.approx(float(row["cosine"]))) for row in table] == [
        *(("mlp", 24.0, 0.2), ("mlp", 48.0, 0.3), ("mlp", 72.0, 0.6)),
        *(("flow", 24.0, 0.4), ("flow", 48.0, 0.2), ("flow", 72.0, 0.7)),
    ]
    assert (float(table[0]["cosine low"]), float(table[0]["cosine high"])) == (0.1, 0.3)  # the seeds themselves
    # P(flow > mlp), ties a half: of (0.3, 0.5) over (0.1, 0.3), (0.1, 0.3) over (0.2, 0.4), (0.6, 0.8) over (0.5, 0.7).
    compared = [row for row in rows(tmp_path / "report/tables/diagnostics.csv") if "checkpoint" in row["quantity"]]
    assert [(row["at"], float(row["P(arm > mlp)"])) for row in compared] == [
        *(("iteration 24", 3.5 / 4), ("iteration 48", 1 / 4), ("iteration 72", 3 / 4)),
    ]


@pytest.mark.usefixtures("no_drawing")
def test_every_horizon_of_every_arm_is_compared_and_of_many_steps_the_first_the_middle_and_the_last(
    tmp_path: Path,
) -> None:
    two_arms(tmp_path, {arm: [[1.0, 2.0]] * 2 for arm in ("mlp", "flow", "other")})
    for number, run in enumerate(sorted(tmp_path.glob("*/seed*"))):
        write_diagnostics(run, 1.0, np.random.default_rng(number))
    Report([tmp_path], ["dynamics"], "", QUICK, baseline="mlp").write(tmp_path / "report")
    found: dict[tuple[str, str], list[str]] = {}
    for row in rows(tmp_path / "report/tables/diagnostics.csv"):
        found.setdefault((row["quantity"].split(" (")[0], row["arm"]), []).append(row["at"])
    for arm in ("flow", "other"):
        accuracy = "Agreement of the model's gradients by the actions with the simulator's"
        assert found[accuracy, arm] == [f"horizon {horizon}" for horizon in (1, 2, 4, 8, 16)]
        assert found[f"{accuracy} at H = 8, by checkpoint", arm] == [f"iteration {i}" for i in (24, 48, 72)]
        assert found["Latents", arm] == [f"steps predicted {step}" for step in (1, 9, 16)]


def test_a_task_without_the_figure_does_not_hide_those_of_others():
    """On task t a run's ESNR at the second horizon is no number: there the comparison is of task s alone."""
    runs = [
        run_in_memory(arm, seed, (60, 1.0), [1.0], task, 1.0 + (arm == "b") + seed)
        for task in ("s", "t")
        for arm in ("a", "b")
        for seed in (0, 1)
    ]
    runs[-1].diagnostics["esnr"]["value"][1] = None
    found = horizons.differences(compare(runs, Settings(repetitions=200)), ESNR)
    assert [(each.at, each.tasks) for each in found] == [(1.0, 2), (2.0, 1)]


def test_what_a_logarithmic_axis_cannot_show_is_counted():
    runs = [run_in_memory("a", seed, (60, 1.0), [1.0], "s", esnr) for seed, esnr in enumerate((3.0, -0.5, 0.0))]
    found = curves(compare(runs, Settings(repetitions=200)), ESNR)
    assert horizons.undrawn(ESNR, found).endswith("no place for 0 and less: 4 of 6 points.")
    plain = next(q for q in horizons.QUANTITIES if q.name == "cosine")
    assert horizons.undrawn(plain, found) == "" and horizons.undrawn(ESNR, {}) == ""

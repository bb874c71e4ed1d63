"""A row of run folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from synthetic_runs import write_diagnostics, write_run

from wmzoo.compare.runs import FOLDER, Run, read_run
from wmzoo.scoreboard.cost import Cost
from wmzoo.scoreboard.from_runs import joined, made_of
from wmzoo.storage.foreign import read_config, read_json


def run(folder: Path, seed: int = 0, task: str = "cheetah-run", **config: Any) -> Run:
    env = {"env": {"name": "dmc", "task": task, "action_repeat": 2}}
    trainer = {"trainer": {"name": "online", "iterations": 30, "horizon": 16, "imagination_horizon": 8}}
    write_run(
        folder, dynamics="mlp", task=task, seed=seed, returns=[1, 2, 6], nonfinite=2, config=env | trainer | config
    )
    write_diagnostics(folder, 2.0, np.random.default_rng(seed))
    return read_run(folder, read_config(folder / "config.yaml"), [FOLDER])


def test_its_figures_are_those_of_the_runs(tmp_path: Path) -> None:
    runs = [run(tmp_path / f"seed{seed}", seed) for seed in (0, 1)]
    row = made_of(
        "mlp", ["dynamics=mlp"], "wmzoo bench mlp", {"cheetah_run": runs}, {"cheetah_run": Cost(3, 2, 99, 90)}
    )
    found = row.tasks["cheetah_run"]
    assert found.ratio == 1.5 and (found.parameters, found.baseline_parameters) == (99, 90)
    assert found.nonfinite == 4 and found.nfe == 1
    assert found.seeds["1"].steps == [30_720, 40_960, 51_200] and found.seeds["1"].returns == [1, 2, 6]
    # horizons are 1, 2, 4, 8, 16, and 8 is the trained one
    told = [read_json(tmp_path / f"seed{s}/diagnostics/diagnostics.json")["esnr"]["value"][3] for s in (0, 1)]
    assert found.esnr == pytest.approx(np.mean(told))
    assert found.latent_errors == [None, None]  # these runs have no such columns


def test_gradient_accuracy_of_three_seeds_has_the_interval_over_them_and_of_two_none(tmp_path: Path) -> None:
    runs = [run(tmp_path / f"seed{seed}", seed) for seed in (0, 1, 2)]
    cosines = [_cosine(tmp_path / f"seed{s}")["value"][3] for s in (0, 1, 2)]
    mean, half = np.mean(cosines), 4.30265 * np.std(cosines, ddof=1) / 3**0.5
    found = made_of("mlp", [], "", {"t": runs}).tasks["t"].gradient_cosine
    assert found == pytest.approx([mean, max(-1, mean - half), min(1, mean + half)], rel=1e-5)
    assert made_of("mlp", [], "", {"t": runs[:2]}).tasks["t"].gradient_cosine == [np.mean(cosines[:2]), None, None]


def _cosine(folder: Path) -> dict[str, list[float]]:
    return read_json(folder / "diagnostics/diagnostics.json")["gradient_accuracy"]["cosine"]


def test_gradient_accuracy_of_one_seed_has_the_interval_over_its_episodes(tmp_path: Path) -> None:
    one = run(tmp_path / "seed0")
    cosine = _cosine(tmp_path / "seed0")
    found = made_of("mlp", [], "", {"t": [one]}).tasks["t"]
    assert found.gradient_cosine == [cosine[end][3] for end in ("value", "low", "high")]
    shown = found.gradient_accuracy
    assert shown and shown.has_interval and float(shown.low) == cosine["low"][3]


@pytest.mark.parametrize("diagnosed", [{}, {"horizons": [8], "gradient_accuracy": {"why": "they begin anew"}}])
def test_runs_that_were_not_compared_with_the_simulator_have_no_gradient_accuracy(
    tmp_path: Path, diagnosed: dict[str, Any]
) -> None:
    one = run(tmp_path / "seed0")
    one.__dict__["diagnostics"] = diagnosed
    found = made_of("mlp", [], "", {"t": [one]}).tasks["t"]
    assert found.gradient_cosine is None and found.gradient_accuracy is None and found.esnr is None


def test_open_loop_errors_are_the_mean_of_the_last_three_evaluations(tmp_path: Path) -> None:
    one = run(tmp_path / "seed0")
    one.__dict__["latent_errors"] = (np.array([9.0, 0.1, 0.2, 0.3]), np.array([9.0, 1, 2, 3]))
    assert made_of("mlp", [], "", {"t": [one]}).tasks["t"].latent_errors == pytest.approx([0.2, 2.0])


def test_without_timing_the_parameters_are_the_run_s_and_there_is_no_ratio(tmp_path: Path) -> None:
    found = made_of("mlp", [], "", {"t": [run(tmp_path / "seed0")]}).tasks["t"]
    assert (found.ratio, found.parameters, found.baseline_parameters) == (None, 133_248, None)


def test_keys_that_all_tasks_share_are_told_once(tmp_path: Path) -> None:
    runs = {task: [run(tmp_path / task, task=task)] for task in ("cheetah-run", "walker-walk")}
    row = made_of("mlp", [], "", runs)
    assert row.tasks["walker-walk"].config == {"env.task": "walker-walk"}
    assert row.config["env.action_repeat"] == 2 and "env.task" not in row.config
    assert row.fingerprint("cheetah-run")["env.task"] == "cheetah-run"
    assert len({task.digest for task in row.tasks.values()}) == 2


def test_seeds_that_were_trained_differently_make_no_row(tmp_path: Path) -> None:
    runs = [run(tmp_path / "a"), run(tmp_path / "b", seed=1, recipe={"gamma": 0.5})]
    with pytest.raises(ValueError, match="were not trained alike"):
        made_of("mlp", [], "", {"t": runs})


def test_joined_rows_keep_every_fingerprint_and_the_later_of_one_task(tmp_path: Path) -> None:
    old = made_of("mlp", [], "", {task: [run(tmp_path / "old" / task, task=task)] for task in ("a", "b")})
    new = made_of("mlp", [], "", {"b": [run(tmp_path / "new", task="b", recipe={"gamma": 0.5})]})
    both = joined(old, new)
    assert list(both.tasks) == ["a", "b"]
    assert both.fingerprint("a") == old.fingerprint("a") and both.fingerprint("b") == new.fingerprint("b")

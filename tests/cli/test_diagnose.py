"""`wmzoo diagnose` on checkpoints of the catalogue and on a run."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from composed import composed
from saved_agents import SET, data_of, saved

from wmzoo.agent.build import build_agent
from wmzoo.cli.main import main
from wmzoo.diagnostics.trajectories import Trajectories, collect
from wmzoo.envs.task_sets import find

FEW = ["--horizons", "1,3", "--estimates", "6", "--episodes", "2"]


@pytest.mark.slow
@pytest.mark.parametrize("dynamics", ["mlp", "flow"])
def test_it_writes_figures_tables_and_pictures(
    tmp_path: Path, dynamics: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diagnose", f"cartpole_swingup-{dynamics}", *FEW, "--out", str(tmp_path)]) == 0
    figures = json.loads((tmp_path / "diagnostics.json").read_text())
    assert figures["horizons"] == [1, 3] and len(figures["esnr"]["value"]) == 2 and figures["nonfinite"] == [0, 0]
    loop = figures["open_loop"]
    assert loop["step"] == list(range(1, 17)) and loop["latent_error"][-1] < 0.1  # a trained model
    assert max(loop["simplex_distance"]) < 1e-5
    assert ("flow_paths" in figures) == (dynamics == "flow")
    pictures = {path.name for path in tmp_path.glob("*.png")}
    drawn = {"gradients.png", "gradient_accuracy.png", "open_loop.png"}
    assert pictures == drawn | ({"integration.png"} if dynamics == "flow" else set())
    accuracy = figures["gradient_accuracy"]
    assert accuracy["starts"] == [4, 4] and accuracy["cosine"]["value"][1] > 0.9  # a trained model, a smooth task
    assert figures["along"] is None
    with open(tmp_path / "gradient_accuracy.csv", newline="") as file:
        assert [row["smooth_cosine"] for row in csv.DictReader(file)] == [
            str(one) for one in accuracy["smooth"]["cosine"]["value"]
        ]
    with open(tmp_path / "by_horizon.csv", newline="") as file:
        assert [row["horizon"] for row in csv.DictReader(file)] == ["1", "3"]
    out = capsys.readouterr().out
    assert f"cartpole-swingup · {dynamics} · seed 0" in out and "open loop: latent error" in out
    assert "the model's gradient by the actions beside the simulator's (differences):" in out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["cartpole_swingup-mlp"], "say where the figures go"),
        (["cartpole_swingup-mlp", "--out", "x", "--horizons", "1,zero"], "it takes numbers from 1 on"),
        (["cartpole_swingup-mlp", "--out", "x", "--estimates", "4"], "must be 5 or more"),
        (["nowhere"], "no such folder"),
        (["cartpole_swingup-mlp", "--out", "x", "--moments", "-1"], "--moments is -1; it must be 0 or more"),
        (["cartpole_swingup-mlp", "--out", "x", "--checkpoints"], "is no run with a checkpoint"),
        (
            ["cartpole_swingup-mlp", "--out", "x", "--along", "cheetah_run-mlp"],
            "--along cheetah_run-mlp: its policy cannot act here: the task is cheetah-run there and cartpole-swingup "
            "here, O is 17 there and 5 here",
        ),
    ],
)
def test_a_mistake_is_one_line(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", *words]) == 2
    err = capsys.readouterr().err
    assert says in err and err.count("\n") == 1


def trained_twice(tmp_path: Path, older: str = "seed=3") -> Path:
    """A run with two checkpoints, of the same weights where the older one's seed is the newer one's."""
    for number, seed in (("00000001", older), ("00000002", "seed=3")):
        saved(tmp_path / "run" / "checkpoints" / number, "env=cartpole_swingup", seed)
    (tmp_path / "run" / "run.json").write_text("{}")
    return tmp_path / "run"


@pytest.mark.slow
@pytest.mark.usefixtures("no_drawing")
def test_older_checkpoints_have_folders_of_their_own_and_the_newest_s_figures_stay(tmp_path: Path) -> None:
    run = trained_twice(tmp_path)
    assert main(["diagnose", str(run), *FEW, "--checkpoints", "--moments", "0"]) == 0
    newest, older = run / "diagnostics" / "diagnostics.json", run / "diagnostics" / "00000001" / "diagnostics.json"
    before = newest.read_text()
    assert "gradient_accuracy" not in json.loads(before) and older.read_text() == before  # they have the same weights
    assert main(["diagnose", str(run / "checkpoints" / "00000001"), *FEW, "--moments", "1"]) == 0
    assert newest.read_text() == before and json.loads(older.read_text())["gradient_accuracy"]["starts"] == [2, 2]


@pytest.mark.slow
@pytest.mark.usefixtures("no_drawing")
def test_along_another_run_states_and_actions_are_the_same_whatever_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Models of other dynamics and seeds, and older checkpoints, those of the other run itself among them."""
    seen = recorded(monkeypatch)
    guide, models = trained_twice(tmp_path, older="seed=9"), []
    for dynamics, seed in (("mlp", 5), ("flow", 6)):
        models.append(saved(tmp_path / dynamics, "env=cartpole_swingup", f"seed={seed}", dynamics=dynamics))
    told = [diagnosed(model, tmp_path / f"{model.name}-out", "--along", str(guide)) for model in models]
    told.append(diagnosed(guide, tmp_path / "guide-out", "--along", str(guide), "--checkpoints"))
    assert len(seen) == 4
    for other in seen[1:]:
        assert torch.equal(other.obs, seen[0].obs) and torch.equal(other.actions, seen[0].actions)
    accuracies = [each["gradient_accuracy"] for each in told]
    assert accuracies[0]["moments"] == accuracies[1]["moments"] == accuracies[2]["moments"]
    assert accuracies[0]["cosine"] != accuracies[1]["cosine"]
    alone = [diagnosed(path, tmp_path / "own") for path in (models[1], guide / "checkpoints" / "00000001")]
    assert all(not torch.equal(own.actions, seen[0].actions) for own in seen[4:])
    assert [each["along"] for each in (*told, *alone)] == [str(guide)] * 3 + [None] * 2


def recorded(monkeypatch: pytest.MonkeyPatch) -> list[Trajectories]:
    """The trajectories that are looked at from now on, in a list that grows."""
    seen: list[Trajectories] = []

    def collect_and_note(*given: Any) -> Trajectories:
        seen.append(collect(*given))
        return seen[-1]

    monkeypatch.setattr("wmzoo.diagnostics.diagnose.collect", collect_and_note)
    return seen


def diagnosed(path: Path, out: Path, *words: str) -> dict:
    assert main(["diagnose", str(path), *FEW, "--out", str(out), *words]) == 0
    return json.loads((out / "diagnostics.json").read_text())


@pytest.mark.slow
@pytest.mark.usefixtures("no_drawing")
def test_a_task_of_several_is_chosen_by_name_or_number_and_its_figures_repeat(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    agent = saved(tmp_path / "agent", dynamics="flow")
    found = diagnosed(agent, tmp_path / "name", "--task", "cartpole_swingup")
    assert "cartpole-swingup · flow · seed 3\n" in capsys.readouterr().out
    assert found["task"] == "cartpole-swingup" and found["actions"] == "policy" and found["nonfinite"] == [0, 0]
    assert min(found["gradient_variance"]) > 0
    assert found == diagnosed(agent, tmp_path / "number", "--task", "2")


def test_several_tasks_of_a_run_have_folders_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = saved(tmp_path / "run" / "checkpoints" / "00000001")
    (tmp_path / "run" / "run.json").write_text("{}")
    folders: list[Path] = []
    monkeypatch.setattr("wmzoo.diagnostics.diagnose.diagnose", lambda *given: {})
    monkeypatch.setattr("wmzoo.diagnostics.files.write_diagnostics", lambda folder, *given: folders.append(folder))
    monkeypatch.setattr("wmzoo.diagnostics.files.table", lambda figures: "")
    for task in ("0", "cup-catch", "pendulum-swingup"):
        assert main(["diagnose", str(bundle), *FEW, "--task", task]) == 0
    assert [path.relative_to(tmp_path / "run" / "diagnostics").as_posix() for path in folders] == [
        *("cup-catch", "cup-catch", "pendulum-swingup"),
    ]


@pytest.mark.parametrize("typed", [(), ("env=cartpole_swingup",)], ids=["several", "one"])
@pytest.mark.usefixtures("no_drawing")
def test_a_world_model_alone_is_looked_at_on_random_actions(
    tmp_path: Path, typed: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    model = saved(tmp_path / "model", *typed, alone=True)
    found = diagnosed(model, tmp_path / "out", *([] if typed else ["--task", "2"]))
    assert "esnr" not in found and found["actions"] == "random" and len(found["jacobian"]["mean"]) == 2
    assert found["open_loop"]["step"] == [1, 2, 3, 4] and min(found["open_loop"]["latent_error"]) > 0
    out = capsys.readouterr().out
    assert out.count("no policy gradients: the checkpoint lacks a policy or its critics; actions: random") == 1
    assert {path.name for path in (tmp_path / "out").glob("*.png")} == {
        *("jacobian.png", "open_loop.png", "gradient_accuracy.png"),
    }


@pytest.mark.slow
@pytest.mark.usefixtures("no_drawing")
def test_a_model_that_was_pretrained_on_data_is_looked_at_on_a_task_of_theirs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = [find(name) for name in SET]
    data = data_of(tmp_path / "data", tasks)
    model = saved(tmp_path / "model", f"data.dir={data}", alone=True, tasks=tasks)
    assert diagnosed(model, tmp_path / "out", "--task", "0")["task"] == "cup-catch"
    data.rename(tmp_path / "moved")
    assert main(["diagnose", str(model), "--out", "x", "--task", "0"]) == 2
    err = capsys.readouterr().err
    assert "does not say which tasks its numbers are" in err and err.count("\n") == 1


def test_a_task_that_is_missing_unknown_or_not_needed_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    agent, all_of_them = str(saved(tmp_path / "agent")), "cup-catch (0), pendulum-swingup (1), cartpole-swingup (2)"
    for words, says in (
        ([agent], f"{agent}: it plays several tasks: choose one with --task, by name or number, of {all_of_them}"),
        ([agent, "--task", "3"], f"{agent}: --task 3 is none of its tasks, {all_of_them}"),
        ([agent, "--task", "walker-run"], f"{agent}: --task walker-run is none of its tasks, {all_of_them}"),
        (["cartpole_swingup-mlp", "--task", "0"], "--task 0 is for agents of several tasks; this one plays cartpole-"),
    ):
        assert main(["diagnose", *words, "--out", "x"]) == 2
        err = capsys.readouterr().err
        assert says in err and err.count("\n") == 1


@pytest.mark.slow
def test_the_futures_of_a_stochastic_agent_are_scored_and_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cfg = composed("size=tiny", "env=bet2", "dynamics=noise_flow")
    build_agent(cfg, 3, 2).save(tmp_path / "agent")
    forecast = diagnosed(tmp_path / "agent", tmp_path / "out")["forecast"]
    assert forecast["step"] == list(range(1, 17)) and min(forecast["energy_score"]) > 0
    assert forecast["level"] == [0.1, 0.3, 0.5, 0.7, 0.9]
    assert forecast["coverage_first"] == sorted(forecast["coverage_first"])  # wider intervals hold more
    assert {"forecast.png", "forecast.csv", "calibration.csv"} <= {path.name for path in (tmp_path / "out").iterdir()}
    assert "samples: energy score" in capsys.readouterr().out

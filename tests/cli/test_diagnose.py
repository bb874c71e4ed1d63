"""`wmzoo diagnose` on checkpoints of the catalogue and on a run."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

import wmzoo
from wmzoo.agent.build import build_agent
from wmzoo.cli.main import main
from wmzoo.data.collect import collect, uniform
from wmzoo.data.convert import convert
from wmzoo.diagnostics.diagnose import diagnose
from wmzoo.envs.build import build_env
from wmzoo.envs.task_sets import MT30, Task, find
from wmzoo.trainers.build import with_tasks

FEW = ["--horizons", "1,3", "--estimates", "6", "--episodes", "2"]


@pytest.mark.parametrize("dynamics", ["mlp", "flow"])
def test_it_writes_figures_tables_and_pictures_and_repeats_itself(
    tmp_path: Path, dynamics: str, capsys: pytest.CaptureFixture[str]
) -> None:
    written = []
    for out in ("one", "two"):
        assert main(["diagnose", f"cartpole_swingup-{dynamics}", *FEW, "--out", str(tmp_path / out)]) == 0
        written.append((tmp_path / out / "diagnostics.json").read_text())
    assert written[0] == written[1]
    figures = json.loads(written[0])
    assert figures["horizons"] == [1, 3] and len(figures["esnr"]["value"]) == 2 and figures["nonfinite"] == [0, 0]
    loop = figures["open_loop"]
    assert loop["step"] == list(range(1, 17)) and loop["latent_error"][-1] < 0.1  # a trained model
    assert max(loop["simplex_distance"]) < 1e-5
    assert ("flow_paths" in figures) == (dynamics == "flow")
    pictures = {path.name for path in (tmp_path / "one").glob("*.png")}
    assert pictures == {"gradients.png", "open_loop.png"} | ({"integration.png"} if dynamics == "flow" else set())
    with open(tmp_path / "one" / "by_horizon.csv", newline="") as file:
        assert [row["horizon"] for row in csv.DictReader(file)] == ["1", "3"]
    out = capsys.readouterr().out
    assert f"cartpole-swingup · {dynamics} · seed 0" in out and "open loop: latent error" in out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["cartpole_swingup-mlp"], "say where the figures go"),
        (["cartpole_swingup-mlp", "--out", "x", "--horizons", "1,zero"], "it takes numbers from 1 on"),
        (["cartpole_swingup-mlp", "--out", "x", "--estimates", "4"], "must be 5 or more"),
        (["nowhere"], "no such folder"),
    ],
)
def test_a_mistake_is_one_line(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", *words]) == 2
    err = capsys.readouterr().err
    assert says in err and err.count("\n") == 1


SET = ["cup-catch", "pendulum-swingup", "cartpole-swingup"]
MULTITASK = ["env=multitask", f"env.set=[{','.join(SET)}]"]


def saved(
    folder: Path, *typed: str, alone: bool = False, dynamics: str = "mlp", tasks: Sequence[Task] | None = None
) -> Path:
    """An agent of SET, or as typed, with no weight at zero. tasks: those that are only in its data."""
    words = [f"dynamics={dynamics}", "size=tiny", "device=cpu", "threads=1", "trainer.horizon=4", "seed=3"]
    if not tasks:
        words += typed if any(word.startswith("env=") for word in typed) else [*MULTITASK, *typed]
        words.append("env.episode_length=24")
    cfg = wmzoo.compose([*words, *(typed if tasks else ())])
    if tasks:
        cfg.model.num_tasks, cfg.model.action_dims = len(tasks), [task.act_dim for task in tasks]
        widths = max(task.obs_dim for task in tasks), max(task.act_dim for task in tasks)
    else:
        env = build_env(cfg, 1)
        cfg = with_tasks(cfg, env)
        widths = env.obs_dim, env.act_dim
    if alone:
        cfg.actor = cfg.critic = None
    agent = build_agent(cfg, *widths)
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in agent.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
    agent.save(folder)
    return folder


def diagnosed(path: Path, out: Path, *words: str) -> dict:
    assert main(["diagnose", str(path), *FEW, "--out", str(out), *words]) == 0
    return json.loads((out / "diagnostics.json").read_text())


def test_a_task_of_several_is_chosen_by_name_or_number_and_changes_the_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    agent = saved(tmp_path / "agent", dynamics="flow")
    found = diagnosed(agent, tmp_path / "name", "--task", "cartpole_swingup")
    assert "cartpole-swingup · flow · seed 3\n" in capsys.readouterr().out
    assert found["task"] == "cartpole-swingup" and found["actions"] == "policy" and found["nonfinite"] == [0, 0]
    assert min(found["gradient_variance"]) > 0
    assert found == diagnosed(agent, tmp_path / "number", "--task", "2")
    assert found["flow_paths"] != diagnosed(agent, tmp_path / "other", "--task", "0")["flow_paths"]


def test_every_diagnostic_is_told_the_task(tmp_path: Path) -> None:
    """With another vector for the task each figure is another, and with another one for another task none is."""
    agent = wmzoo.load(saved(tmp_path / "agent", dynamics="flow"))
    table = agent.world_model.task_embedding.table.weight
    before = diagnose(agent, [1, 3], 6, 8, 2, "cartpole-swingup")
    with torch.no_grad():
        table[2] = table[0]
    after = diagnose(agent, [1, 3], 6, 8, 2, "cartpole-swingup")
    with torch.no_grad():
        table[0] = table[1]  # which is nothing to cartpole-swingup
    assert diagnose(agent, [1, 3], 6, 8, 2, "cartpole-swingup") == after
    for key in ("esnr", "gradient_variance", "jacobian", "flow_paths"):
        assert before[key] != after[key], key
    for key in ("latent_error", "reward_r2", "return_error", "latent_norm"):
        assert before["open_loop"][key] != after["open_loop"][key], key


def test_the_only_task_that_is_played_needs_no_choice(tmp_path: Path) -> None:
    agent = saved(tmp_path / "agent", "env.only=[cartpole-swingup]")
    assert diagnosed(agent, tmp_path / "out") == diagnosed(agent, tmp_path / "named", "--task", "cartpole-swingup")


def test_several_tasks_of_a_run_have_folders_of_their_own(tmp_path: Path) -> None:
    bundle = saved(tmp_path / "run" / "checkpoints" / "00000001")
    (tmp_path / "run" / "run.json").write_text("{}")
    for task in ("0", "cup-catch", "pendulum-swingup"):
        assert main(["diagnose", str(bundle), *FEW, "--task", task]) == 0
    folders = sorted(path.name for path in (tmp_path / "run" / "diagnostics").iterdir())
    assert folders == ["cup-catch", "pendulum-swingup"]


@pytest.mark.parametrize("typed", [(), ("env=cartpole_swingup",)], ids=["several", "one"])
def test_a_world_model_alone_is_looked_at_on_random_actions(
    tmp_path: Path, typed: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    model = saved(tmp_path / "model", *typed, alone=True)
    found = diagnosed(model, tmp_path / "out", *([] if typed else ["--task", "2"]))
    assert "esnr" not in found and found["actions"] == "random" and len(found["jacobian"]["mean"]) == 2
    assert found["open_loop"]["step"] == [1, 2, 3, 4] and min(found["open_loop"]["latent_error"]) > 0
    out = capsys.readouterr().out
    assert out.count("no policy gradients: the checkpoint lacks a policy or its critics; actions: random") == 1
    assert {path.name for path in (tmp_path / "out").glob("*.png")} == {"jacobian.png", "open_loop.png"}


def test_a_model_that_was_pretrained_on_data_knows_its_tasks_from_them_or_by_its_widths(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    collect([find(name) for name in SET], 1, uniform, tmp_path / "chunks", 0, {"policy": "random"})
    convert([tmp_path / "chunks"], tmp_path / "data")
    for name, tasks in (("custom", [find(name) for name in SET]), ("mt30", MT30)):
        saved(tmp_path / name, f"data.dir={tmp_path / 'data'}", alone=True, tasks=tasks)
    assert diagnosed(tmp_path / "custom", tmp_path / "one", "--task", "0")["task"] == "cup-catch"
    assert diagnosed(tmp_path / "mt30", tmp_path / "two", "--task", "cup-catch")["task"] == "cup-catch"
    (tmp_path / "data").rename(tmp_path / "moved")
    assert main(["diagnose", str(tmp_path / "custom"), "--out", "x", "--task", "0"]) == 2
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

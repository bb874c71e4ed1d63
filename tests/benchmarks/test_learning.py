"""The learning studies: their files, the kept runs, and what benchmarks/learning.py makes of them."""

from __future__ import annotations

import csv
import importlib
import json
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from chunk_files import write_chunks
from matplotlib.figure import Figure
from omegaconf import OmegaConf
from synthetic_runs import write_run

from wmzoo.config.composition import compose
from wmzoo.data.chunks import Chunk
from wmzoo.data.convert import convert
from wmzoo.envs.task_sets import find
from wmzoo.registry.cards import load_yaml
from wmzoo.runs.metrics import read_metrics
from wmzoo.storage.rows import write_csv
from wmzoo.studies import grid
from wmzoo.studies.grid import read_study

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
STUDIES = sorted((BENCHMARKS / "studies").glob("*.yaml"))
RESULTS = BENCHMARKS / "results" / "learning"
STUDY = """
title: Two tasks
arms: {mlp: [dynamics=mlp], flow: [dynamics=flow]}
tasks: [cartpole_swingup, reacher_easy]
seeds: [0, 1]
beside: {other_code: was run with its own code}
"""


@pytest.fixture
def learning(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The script, with a study, its runs and its results in `tmp_path`."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    module = importlib.import_module("learning")
    (tmp_path / "two.yaml").write_text(STUDY)
    monkeypatch.setattr(module, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(module, "RESULTS", tmp_path / "results")
    return module


@pytest.mark.parametrize("file", STUDIES, ids=lambda file: file.stem)
def test_the_kept_runs_of_a_study_are_its_cells(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grid, "_check", lambda study: None)  # see below
    study, beside = read_study(str(file)), load_yaml(file).get("beside", [])
    runs = [run.parent.relative_to(RESULTS / file.stem) for run in RESULTS.glob(f"{file.stem}/*/*/*/run.json")]
    kept = {run.as_posix() for run in runs if run.parts[1] not in beside}
    assert kept <= {cell.name for cell in study.cells()}  # what is there so far of a study that goes on
    others = {run.parts[-3] for run in RESULTS.glob(f"{file.stem}/*/*/*/metrics.csv")} - set(study.arms)
    assert others <= set(beside)


@pytest.mark.slow
@pytest.mark.parametrize("file", STUDIES, ids=lambda file: file.stem)
def test_a_study_composes(file: Path) -> None:
    assert read_study(str(file)).name == file.stem


@pytest.mark.parametrize("file", STUDIES, ids=lambda file: file.stem)
def test_a_study_has_a_place_for_its_table_and_says_what_stands_beside(file: Path, learning: ModuleType) -> None:
    findings = learning.FINDINGS.read_text(encoding="utf-8")
    assert findings.count(f"<!-- table: {file.stem} -->") == 1
    learning.marked_tables.replace(findings, file.stem, ["| a |"], learning.FINDINGS)  # SystemExit without an end
    assert all(what and not what.endswith(".") for what in load_yaml(file).get("beside", {}).values())


def test_every_folder_of_results_belongs_to_a_study() -> None:
    assert {file.name for file in RESULTS.iterdir()} <= {file.stem for file in STUDIES}


def test_the_index_is_what_the_script_writes(learning: ModuleType) -> None:
    index = learning.results_index
    assert index.FILE.read_text(encoding="utf-8") == index.text(), "run python benchmarks/learning.py"


def test_the_index_says_over_how_many_iterations_diagnostics_are_averaged(learning: ModuleType, tmp_path: Path) -> None:
    """Of 50 iterations whose latent error is their number the last 30 have the mean (21 + 50) / 2."""
    run = tmp_path / "reacher_easy" / "mlp" / "seed0"
    write_run(run, dynamics="mlp", task="reacher-easy", seed=0, returns=[1] * 5)
    rows = [row | {"latent_error_first": row["iteration"]} for row in read_metrics(run)]
    write_csv(rows, run / "metrics.csv")
    (row,) = learning.learning_table.Results(tmp_path, ["reacher_easy"], ["mlp"]).rows()
    assert row["latent error, 1 step"] == "35.50"
    assert "means over the last 30 iterations" in " ".join(learning.results_index.text().split())


def test_the_index_says_of_the_small_mt30_whose_plan_it_is_and_of_arms_beside_what_their_study_says(
    learning: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = learning.results_index
    said = " ".join(index.text().split())
    assert "public_pwm was run with its own code, see docs/findings.md." in said
    with open(index.RESULTS / "mt30_mini" / "tables" / "scores.csv", newline="") as file:
        tasks = [row["task"] for row in csv.DictReader(file)]
    former, now = "What the command left in runs/mt30/report by a former recipe", "What the command leaves in runs"
    for planned, sentence in ((["walker-walk"], former), (tasks, now)):
        monkeypatch.setattr(index, "_plan", lambda planned=planned: {"collect": {"tasks": planned}})
        assert sentence in " ".join(index.text().split())


def test_finished_runs_are_kept_without_their_folder_and_with_short_numbers(
    learning: ModuleType, tmp_path: Path
) -> None:
    run = tmp_path / "runs" / "two" / "reacher_easy" / "mlp" / "seed0"
    write_run(run, dynamics="mlp", task="reacher-easy", seed=0, returns=[1 / 3, 2, 3], seconds=1 / 3)
    (run / "diagnostics").mkdir()
    (run / "diagnostics" / "diagnostics.json").write_text('{"horizons": [1]}')
    facts = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(facts | {"command": "wmzoo train env=reacher_easy run_dir=runs/x seed=0"}))
    write_run(run.parent / "seed1", dynamics="mlp", task="reacher-easy", seed=1, returns=[5], status="running")
    (table,) = learning.report(read_study(str(tmp_path / "two.yaml")), ["other_code"])
    kept = tmp_path / "results" / "two"
    assert [folder.name for folder in (kept / "reacher_easy" / "mlp").iterdir()] == ["seed0"]
    run = kept / "reacher_easy" / "mlp" / "seed0"
    assert (run / "diagnostics" / "diagnostics.json").read_text() == '{"horizons": [1]}'
    assert json.loads((run / "run.json").read_text()) == facts | {"command": "wmzoo train env=reacher_easy seed=0"}
    with open(run / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [rows[0][name] for name in ("iteration", "wall_clock", "eval_return")] == ["1", "60.3333", ""]
    assert rows[9]["eval_return"] == "0.333333"
    assert [list(row.values())[:8] for row in table] == [
        ["reacher_easy", "mlp", "2", "2 (one seed)", "3", "2", "51,200", "70"],
    ]
    assert (kept / "reacher_easy.png").stat().st_size > 10_000 and not (kept / "cartpole_swingup.png").exists()


def test_runs_of_other_settings_are_left_out_and_said_and_a_study_that_is_over_is_shown_as_it_was(
    learning: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of returns of 100 and 900 the one that fits is left: a mean over both would be 500."""
    study = read_study(str(tmp_path / "two.yaml"))
    cells = [cell for cell in study.cells() if cell.name.startswith("reacher_easy/mlp")]

    def trained(changes: dict[int, list[str]]) -> str:
        for cell in cells:
            cfg: Any = compose([*cell.overrides, *changes.get(cell.seed, [])])
            config = OmegaConf.to_container(cfg, resolve=True)
            run, score = tmp_path / "runs" / "two" / cell.name, [100 + 800 * cell.seed]
            shutil.rmtree(run, ignore_errors=True)
            write_run(run, dynamics="mlp", task="reacher-easy", seed=cell.seed, returns=score * 3, config=config)
        ((row,),) = learning.report(study, ["other_code"])
        return str(row["last three evaluations, by seed"])

    older = ["recipe.noise_correlation=[0,0.9]"]
    picture = tmp_path / "results" / "two" / "cartpole_swingup.png"
    picture.parent.mkdir(parents=True)
    picture.touch()  # of runs that are not among the task's any more
    assert trained({1: older}) == "100" and not picture.exists()
    assert "two/reacher_easy/mlp/seed1: left out" in capsys.readouterr().out
    assert trained({0: older, 1: older}) == "100, 900" and capsys.readouterr().out == ""
    assert trained({}) == "100, 900" and capsys.readouterr().out == ""


def test_errors_of_samples_stand_in_a_table_of_which_an_arm_has_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    table = importlib.import_module("learning_table")
    for arm, sampled in {"mlp": {}, "noise_flow": {"sample_error_first": 0.5, "sample_error_last": 0.75}}.items():
        for study, returns in {"alone": {}, "online": {"eval_return": 3.0}}.items():
            row = {"iteration": 1, "env_steps": 10, "wall_clock": 1.0, "cpu_time": 1.0, "eval_return": None}
            row |= {"latent_error_first": 0.25, "latent_error_last": 0.5, "reward_r2_last": 1.0, **sampled, **returns}
            folder = tmp_path / study / "bet2" / arm / "seed0"
            folder.mkdir(parents=True)
            write_csv([row], folder / "metrics.csv")
    columns = ["arm", "seconds a run", "latent error, 1 step", "H steps", *table.SAMPLED, "reward R² at H"]
    online, alone = (
        table.Results(tmp_path / name, ["bet2"], ["mlp", "noise_flow"]).rows() for name in ("online", "alone")
    )
    assert [[*row] for row in online] == [columns, columns]
    assert [[row[name] for name in table.SAMPLED] for row in online] == [["–", "–"], ["0.50", "0.75"]]
    assert [[row[name] for name in table.SAMPLED] for row in alone] == [
        ["–", "–"],
        ["0.500 (one seed)", "0.750 (one seed)"],
    ]
    (row,) = table.Results(tmp_path / "online", ["bet2"], ["mlp"]).rows()
    assert not {*row} & {*table.SAMPLED}


FROM_DATA = """
title: Policies from data whose title is as long as that of the longest study, and would not fit above one picture
overrides: [trainer=offline, data.dir=data]
arms: {mlp: [dynamics=mlp], flow: [dynamics=flow]}
tasks: [reacher-easy, cup-catch]
seeds: [0, 1, 2]
beside: {agent: is the run}
"""
AGENT = {"reacher-easy": 800.0, "cup-catch": 900.0}  # its last three evaluations' mean
SCORES = {  # of each seed
    ("reacher-easy", "mlp"): [760, 800, 840],
    ("reacher-easy", "flow"): [400, 300, 350],
    ("cup-catch", "mlp"): [800, 1000, 900],
    ("cup-catch", "flow"): [899, 901, 900],
}


@pytest.fixture
def from_data(learning: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[ModuleType, Path]:
    """A study of policies from data, of which reacher-easy's episodes have returns of 500 on average, cup-catch's 900;
    and its results."""
    (tmp_path / "offline.yaml").write_text(FROM_DATA)
    monkeypatch.setattr(learning, "HERE", tmp_path / "benchmarks")
    for task, returns in {"reacher-easy": (400.0, 600.0), "cup-catch": (850.0, 950.0)}.items():
        own = find(task)
        reward = torch.zeros(2, 11)
        reward[:, 3] = torch.tensor(returns)
        obs, action = torch.zeros(2, 11, own.obs_dim), torch.zeros(2, 11, own.act_dim)
        chunks = write_chunks(tmp_path / f"chunks-{task}", Chunk(obs, action, reward, torch.zeros(2, 11).int()))
        convert([chunks], tmp_path / "data" / task, [own])
        runs = tmp_path / "runs" / "offline" / task
        write_run(
            runs / "agent/seed0", dynamics="mlp", task=task, seed=0, returns=[AGENT[task] + d for d in (-9, 0, 9)]
        )
        for arm in ("mlp", "flow"):
            for seed, score in enumerate(SCORES[task, arm]):
                run, cfg = runs / arm / f"seed{seed}", {"data": {"dir": f"data/{task}", "tasks": None}}
                write_run(run, dynamics=arm, task=task, seed=seed, returns=[score] * 3, acts=False, config=cfg)
                (run / "eval").mkdir()
                (run / "eval" / "00000030.json").write_text(json.dumps({"returns": [score]}))
                lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
                rows = [r | ({"off_data": (1 + seed) / 4} if r["eval_return"] else {}) for r in lines]
                (run / "metrics.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return learning, tmp_path / "results" / "offline"


def test_policies_from_data_are_held_against_their_data_and_against_the_agent(
    from_data: tuple[ModuleType, Path], tmp_path: Path
) -> None:
    """By hand: of 760, 800 and 840 the mean is 800, its half-width 4.303 · 40/√3 = 99."""
    learning, results = from_data
    table, over_tasks = learning.report(read_study(str(tmp_path / "offline.yaml")), ["agent"])
    found = {(row["task"], row["arm"]): row for row in table}
    mlp = found["reacher-easy", "mlp"]
    assert mlp["mean ± 95%"] == "800 ± 99" and mlp["data mean"] == "500" and mlp["iterations"] == "30"
    assert mlp["share of the agent's return"] == "1.00 ± 0.12" and mlp["off the data"] == "0.50"
    assert found["cup-catch", "flow"]["share of the agent's return"] == "1.00 ± 0.00"
    agent = found["reacher-easy", "agent"]
    assert agent["mean ± 95%"] == "800 (one seed)" and agent["data mean"] == agent["off the data"] == "–"
    assert not any("agent steps" in row for row in table)
    # mlp: 800 ± 99 of 800 and 900 ± 248 of 900; flow: 350 of 800 and 900 ± 2 of 900, which alone has an interval above
    # 0.95 of it, 855; the data have 500 and 900, above which neither is on cup-catch. Over tasks by seed: 0.919, 1.056,
    # 1.025, and 0.749, 0.688, 0.719
    wanted = {
        "mlp": ["3", "1.00 ± 0.18", "2 of 2", "0 of 2", "1 of 2", "1 of 2"],
        "flow": ["3", "0.72 ± 0.08", "1 of 2", "1 of 2", "0 of 2", "0 of 2"],
    }
    assert {row["arm"]: list(row.values())[1:] for row in over_tasks} == wanted
    assert {file.stem for file in results.glob("*.csv")} == {"summary", "acceptance"}


def test_of_policies_from_data_every_episode_is_kept_and_what_the_data_came_to_when_they_are_gone(
    from_data: tuple[ModuleType, Path], tmp_path: Path
) -> None:
    learning, results = from_data
    study = read_study(str(tmp_path / "offline.yaml"))
    tables = learning.report(study, ["agent"])
    kept = results / "cup-catch" / "flow" / "seed1" / "eval" / "00000030.json"
    assert json.loads(kept.read_text()) == {"returns": [901]}
    for gone in ("data", "runs"):
        shutil.rmtree(tmp_path / gone)
    assert learning.report(study, ["agent"]) == tables
    noted = json.loads((results / "data.json").read_text())
    assert noted["data/reacher-easy"] == {"reacher-easy": {"episodes": 2, "mean return": 500.0}}


def test_their_curves_are_by_iteration_below_lines_of_the_agent_and_the_data(
    from_data: tuple[ModuleType, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learning, _ = from_data
    drawn: dict[str, Figure] = {}
    save = Figure.savefig
    monkeypatch.setattr(
        Figure,
        "savefig",
        lambda figure, file, **how: (drawn.update({str(len(drawn)): figure}), save(figure, file, **how)),
    )
    learning.report(read_study(str(tmp_path / "offline.yaml")), ["agent"])
    figure = drawn["0"]
    (axes,) = figure.axes
    curves = [line.get_xdata().tolist() for line in axes.lines[:2]]
    assert axes.get_xlabel() == "iterations" and curves == [[10, 20, 30]] * 2
    assert sorted(line.get_ydata()[0] for line in axes.lines[2:]) == [500.0, 800.0]
    title = axes.title.get_window_extent()
    assert figure.bbox.x0 <= title.x0 and title.x1 <= figure.bbox.x1  # not cut off


def test_runs_are_put_beside_published_ones_at_equal_environment_steps(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Evaluations after 30,720, 40,960 and 51,200 agent steps, twice as many of the environment: the means of those so
    far, 100, 150 and 200, are 194 at 100,000."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    published, table = (importlib.import_module(name) for name in ("published", "learning_table"))
    (tmp_path / "others.yaml").write_text(
        "groups: [{source: s, environment_steps: [100000, 200000], methods: [X, Y],"
        " tasks: {cheetah_run: [[1, 2], [3, 4]]}}]"
    )
    for seed in (0, 1, 2):
        run = tmp_path / "cheetah_run" / "mlp" / f"seed{seed}"
        env = {"env": {"name": "dmc", "task": "cheetah-run", "action_repeat": 2}}
        curve = [100 + 10 * seed, 200 + 10 * seed, 300 + 10 * seed]
        write_run(run, dynamics="mlp", task="cheetah-run", seed=seed, returns=curve, config=env)
        write_csv(read_metrics(run), run / "metrics.csv")
        unknown = tmp_path / "unknown" / "mlp" / f"seed{seed}"
        write_run(unknown, dynamics="mlp", task="unknown", seed=seed, returns=curve, config={"env": {"name": "toy"}})
        write_csv(read_metrics(unknown), unknown / "metrics.csv")
    kept = table.Results(tmp_path, ["cheetah_run", "unknown"], ["mlp", "flow"], ["unknown/mlp/seed2"])
    found = published.rows(kept, tmp_path / "others.yaml")
    assert found == [
        {"task": "cheetah_run", "environment steps": "100,000", "mlp": "204 ± 25, n=3", "X": "1", "Y": "3"},
    ]
    assert published.last_of_each_task([*found, found[0] | {"mlp": "7"}]) == [found[0] | {"mlp": "7"}]


def test_a_task_that_nobody_has_published_is_shown_without_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    published, table = (importlib.import_module(name) for name in ("published", "learning_table"))
    for task, config in (("walker_walk", {"action_repeat": 2}), ("fish_swim", {})):
        run = tmp_path / task / "mlp" / "seed0"
        write_run(run, dynamics="mlp", task=task, seed=0, returns=[5] * 12, config={"env": {"name": "dmc"} | config})
        write_csv(read_metrics(run), run / "metrics.csv")
    found = published.rows(table.Results(tmp_path, ["walker_walk", "fish_swim"], ["mlp"]))
    assert [[row["task"], row["environment steps"], row["mlp"], row["SAC"]] for row in found] == [
        ["walker_walk", "100,000", "5 (one seed)", "708"],
        ["walker_walk", "200,000", "5 (one seed)", "923"],
        ["fish_swim", "100,000", "5 (one seed)", "–"],
    ]

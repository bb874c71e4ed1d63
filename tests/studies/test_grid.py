"""A study's grid: what its jobs are, and what is told before the first."""

from __future__ import annotations

from pathlib import Path

import pytest

from wmzoo.cli.main import main
from wmzoo.config.composition import compose
from wmzoo.errors import WmzooError
from wmzoo.registry.cards import load_yaml
from wmzoo.storage.package_data import data_dir
from wmzoo.studies import grid
from wmzoo.studies.grid import diagnoses, is_diagnosed, read_study

STUDIES = [
    file.stem for file in sorted((data_dir("configs") / "experiment").glob("*.yaml")) if "study" in load_yaml(file)
]


def test_the_grid_is_every_arm_on_every_task_seed_by_seed(spec: Path) -> None:
    jobs = list(read_study(str(spec)).cells())
    assert [job.name for job in jobs] == [
        *("pendulum/mlp/seed0", "pendulum/flow/seed0", "pendulum/mlp/seed1", "pendulum/flow/seed1"),
    ]
    assert jobs[1].overrides[-4:] == ("env=pendulum_swingup", "dynamics=flow", "dynamics.units=match", "seed=0")


def test_a_study_s_tasks_are_named_as_after_env(spec: Path) -> None:
    tasks = "tasks: [Humanoid-v5, fish_swim]\n"
    text = spec.read_text()
    spec.write_text(text[: text.index("tasks:")] + tasks + text[text.index("seeds:") :])
    study = read_study(str(spec))
    assert {cell.task: compose(cell.overrides).env.task for cell in study.cells() if cell.arm == "mlp"} == {
        "Humanoid-v5": "Humanoid-v5",
        "fish_swim": "fish-swim",
    }


def test_an_experiment_s_study_runs_that_experiment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grid, "_check", lambda study: None)  # see below
    study = read_study("flow_vs_mlp")
    assert list(study.arms) == ["mlp", "flow"] and len(study.tasks) == 5 and list(study.seeds) == [0, 1, 2, 3, 4]
    assert all(job.overrides[0] == "experiment=flow_vs_mlp" for job in study.cells())


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
def test_every_study_composes_with_every_arm(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the first task; on every task below."""
    monkeypatch.setattr(grid, "_check", lambda study: None)
    jobs = list(read_study(name).cells())
    assert len({job.name for job in jobs}) == len(jobs) >= 12
    first = jobs[0]
    for job in jobs:
        if job.seed == first.seed and job.task == first.task:
            compose(job.overrides)


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
def test_every_study_composes_on_every_task_with_every_arm(name: str) -> None:
    assert read_study(name).name == name


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("arms:", "arm:", "a study needs arms"),
        ("dynamics=mlp", "dynamics=mpl", r"study two_arms, pendulum/mlp: unknown dynamics 'mpl': did you mean mlp\?"),
        ("title", "[", "cannot read it"),
    ],
)
def test_a_mistake_is_told_before_the_first_run(spec: Path, old: str, new: str, words: str) -> None:
    spec.write_text(spec.read_text().replace(old, new))
    with pytest.raises(WmzooError, match=words):
        read_study(str(spec))
    with pytest.raises(WmzooError, match="no study|needs arms|unknown experiment"):
        read_study("nothing_like_it")


@pytest.mark.slow
@pytest.mark.usefixtures("forked_jobs", "no_drawing")
def test_its_runs_are_diagnosed_and_its_report_keeps_what_it_was_made_of(
    spec: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec.write_text(spec.read_text().replace("seeds: [0, 1]", "seeds: [3]"))
    root = ["--root", str(spec.parent)]
    assert main(["study", "run", str(spec), "--workers", "2", *root]) == 0
    assert main(["study", "diagnose", str(spec), "--workers", "2", *root]) == 0
    older = spec.parent / "two_arms" / "pendulum" / "mlp" / "seed3" / "diagnostics" / "00000001" / "diagnostics.json"
    older.parent.mkdir()
    older.write_text("{}")
    assert main(["study", "report", str(spec), *root]) == 0
    assert "report: " in capsys.readouterr().out
    out = spec.parent / "two_arms-report"
    assert (out / "report.html").is_file()
    kept = {path.relative_to(out / "runs").as_posix() for path in (out / "runs").rglob("*") if path.is_file()}
    for run in ("pendulum/mlp/seed3", "pendulum/flow/seed3"):
        assert {f"{run}/metrics.csv", f"{run}/run.json", f"{run}/diagnostics/diagnostics.json"} <= kept
    assert "pendulum/mlp/seed3/diagnostics/00000001/diagnostics.json" in kept
    assert not any(name.endswith(".safetensors") for name in kept)


def test_a_study_is_diagnosed_along_the_runs_of_one_arm(spec: Path) -> None:
    """On the trajectories of the run of the same task and seed, that arm's own older checkpoints among them."""
    study = read_study(str(spec))
    root = spec.parent
    jobs = {job.name: job for job in diagnoses(study, root, "mlp", checkpoints=True)}
    guide = str(root / study.name / "pendulum" / "mlp" / "seed1")
    for arm in ("mlp", "flow"):
        assert jobs[f"pendulum/{arm}/seed1"].words()[2:] == ["--along", guide, "--checkpoints"]
    with pytest.raises(WmzooError, match=r"unknown arm 'mpl': did you mean mlp\?"):
        diagnoses(study, root, "mpl")


def test_a_study_is_diagnosed_along_one_run_that_lies_beside_its_arms(spec: Path) -> None:
    study, root = read_study(str(spec)), spec.parent
    guide = root / study.name / "pendulum" / "agent" / "seed0"
    with pytest.raises(WmzooError, match="unknown arm 'agent'"):
        diagnoses(study, root, "agent/seed0")
    guide.mkdir(parents=True)
    assert {job.words()[3] for job in diagnoses(study, root, "agent/seed0")} == {str(guide)}


def test_diagnostics_are_there_where_they_are_of_the_same_trajectories_and_of_all_checkpoints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wmzoo.studies.grid.is_trained", lambda folder: True)
    for number in ("00000001", "00000002"):
        bundle = tmp_path / "checkpoints" / number
        bundle.mkdir(parents=True)
        for name in ("model.safetensors", "config.yaml"):
            (bundle / name).touch()
    (tmp_path / "diagnostics").mkdir()
    (tmp_path / "diagnostics" / "diagnostics.json").write_text('{"along": "there"}')
    assert is_diagnosed(tmp_path, Path("there"))
    assert not is_diagnosed(tmp_path) and not is_diagnosed(tmp_path, Path("elsewhere"))
    assert not is_diagnosed(tmp_path, Path("there"), checkpoints=True)
    (tmp_path / "diagnostics" / "00000001").mkdir()
    (tmp_path / "diagnostics" / "00000001" / "diagnostics.json").write_text('{"along": "there"}')
    assert is_diagnosed(tmp_path, Path("there"), checkpoints=True)

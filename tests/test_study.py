"""A study's grid, and that it goes on from whatever is on disk."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wmzoo.cli.main import main
from wmzoo.config.composition import compose, options
from wmzoo.errors import RunFailed, WmzooError
from wmzoo.runs.metrics import read_metrics
from wmzoo.studies.grid import read_study, trainings
from wmzoo.studies.jobs import Runner
from wmzoo.studies.launchers import Local

SPEC = """
title: Two arms
overrides: [size=tiny, trainer.horizon=4, env.num_envs=4, env.episode_length=10, eval.episodes=1, eval.every=4,
  recipe.warmup_steps=80, recipe.pretrain_updates=1, recipe.model_updates=1, recipe.actor_updates=1, save.every=1,
  trainer.iterations=4, device=cpu, threads=1]
arms: {mlp: [dynamics=mlp], flow: [dynamics=flow, dynamics.units=match]}
tasks: {pendulum: [env=pendulum_swingup]}
seeds: [0, 1]
"""


STUDIES = [name for name in options("experiment") if "study" in compose([f"experiment={name}"])]


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    (tmp_path / "two_arms.yaml").write_text(SPEC)
    return tmp_path / "two_arms.yaml"


def test_the_grid_is_every_arm_on_every_task_seed_by_seed(spec: Path) -> None:
    jobs = list(read_study(str(spec)).cells())
    assert [job.name for job in jobs] == [
        *("pendulum/mlp/seed0", "pendulum/flow/seed0", "pendulum/mlp/seed1", "pendulum/flow/seed1"),
    ]
    assert jobs[1].overrides[-4:] == ("env=pendulum_swingup", "dynamics=flow", "dynamics.units=match", "seed=0")


def test_an_experiment_s_study_runs_that_experiment(monkeypatch: pytest.MonkeyPatch) -> None:
    study = read_study("flow_vs_mlp")
    assert list(study.arms) == ["mlp", "flow"] and len(study.tasks) == 5 and list(study.seeds) == [0, 1, 2, 3, 4]
    assert all(job.overrides[0] == "experiment=flow_vs_mlp" for job in study.cells())


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_composes_on_every_task_with_every_arm(name: str) -> None:
    jobs = list(read_study(name).cells())
    assert len({job.name for job in jobs}) == len(jobs) >= 12


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


def start(spec: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "wmzoo", "study", "run", str(spec), "--workers", "2", "--root", str(spec.parent)]
    environment = {**os.environ, "MUJOCO_GL": "disabled"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_study_that_was_killed_or_interrupted_goes_on(spec: Path, number: signal.Signals) -> None:
    long = (
        spec.read_text()
        .replace("trainer.iterations=4", "trainer.iterations=60")
        .replace("eval.every=4", "eval.every=60")
    )
    spec.write_text(long)
    study = start(spec)
    while not list(spec.parent.glob("two_arms/*/*/seed0/checkpoints/0*")):
        assert study.poll() is None
        time.sleep(0.1)
    study.send_signal(number)
    _, err = study.communicate(timeout=120)
    assert study.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 130)
    assert number == signal.SIGKILL or "runs are left; `wmzoo study run two_arms` goes on" in err
    again = start(spec)
    out, err = again.communicate(timeout=600)
    assert again.returncode == 0, err
    assert out.splitlines()[-1].startswith("4 of 4 done")
    runs = [spec.parent / "two_arms" / "pendulum" / arm / f"seed{seed}" for arm in ("mlp", "flow") for seed in (0, 1)]
    assert [json.loads((run / "run.json").read_text())["status"] for run in runs] == ["done"] * 4
    assert all([row["iteration"] for row in read_metrics(run)] == list(range(1, 61)) for run in runs)
    assert "4 of 4 done" in start(spec).communicate(timeout=120)[0].splitlines()[0]


@pytest.mark.slow
def test_its_runs_are_diagnosed_and_its_report_keeps_what_it_was_made_of(
    spec: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = ["--root", str(spec.parent)]
    assert main(["study", "run", str(spec), "--workers", "2", *root]) == 0
    assert main(["study", "diagnose", str(spec), "--workers", "2", *root]) == 0
    assert main(["study", "report", str(spec), *root]) == 0
    assert "report: " in capsys.readouterr().out
    out = spec.parent / "two_arms-report"
    assert (out / "report.html").is_file()
    kept = {path.relative_to(out / "runs").as_posix() for path in (out / "runs").rglob("*") if path.is_file()}
    for run in ("pendulum/mlp/seed0", "pendulum/flow/seed1"):
        assert {f"{run}/metrics.csv", f"{run}/run.json", f"{run}/diagnostics/diagnostics.json"} <= kept
    assert not any(name.endswith(".safetensors") for name in kept)


@pytest.mark.slow
def test_a_run_that_fails_is_named_and_does_not_stop_the_others(spec: Path) -> None:
    spec.write_text(spec.read_text().replace("[dynamics=mlp]", "[dynamics=mlp, dynamics.residual=odd]"))
    with pytest.raises(RunFailed, match=r"2 runs failed, see .*mlp/seed0.log, .*mlp/seed1.log"):
        Runner(trainings(read_study(str(spec)), spec.parent), Local(threads=1), 2, print, "").run()
    assert len(list(spec.parent.glob("two_arms/*/*/*/metrics.csv"))) == 2

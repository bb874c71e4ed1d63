"""The standard suite's runs: how long they are, and how far what is there is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from synthetic_runs import write_run

from wmzoo.errors import WmzooError
from wmzoo.scoreboard import suite
from wmzoo.scoreboard.arm import Arm
from wmzoo.scoreboard.suite import finished, iterations, shortfall, study_of, trainings
from wmzoo.studies import jobs

SIX = ["cartpole_swingup", "pendulum_swingup", "reacher_easy", "finger_spin", "walker_walk", "cheetah_run"]
MLP = Arm("mlp", ("dynamics=mlp",))


def test_the_suite_is_six_tasks_of_a_quarter_million_agent_steps() -> None:
    study, cfgs = study_of(MLP, "standard", 3)
    assert list(study.tasks) == SIX and list(study.seeds) == [0, 1, 2] and len(list(study.cells())) == 18
    for cfg in cfgs.values():
        warm_up, each = cfg.trainer.warmup_steps, cfg.env.num_envs * cfg.trainer.horizon
        assert 247_500 < warm_up + cfg.trainer.iterations * each <= 250_000
        assert (cfg.threads, cfg.eval["every"], cfg.on_nonfinite) == (1, 8, "skip")


def test_other_tasks_take_the_suite_s_settings_and_an_arm_s_own() -> None:
    study, cfgs = study_of(Arm("big", ("dynamics=mlp", "dynamics.units=[8]")), "fish_swim,walker_walk", 1)
    assert [cell.name for cell in study.cells()] == ["fish_swim/big/seed0", "walker_walk/big/seed0"]
    assert cfgs["fish_swim"].env.task == "fish-swim" and cfgs["fish_swim"].dynamics.units == [8]
    with pytest.raises(WmzooError, match="--steps 5 and trainer.iterations=7: give one"):
        study_of(Arm("x", ("dynamics=mlp", "trainer.iterations=7")), "walker_walk", 1, 5)
    with pytest.raises(WmzooError, match="trainer=pretrain evaluates no policy"):
        study_of(Arm("x", ("dynamics=mlp", "trainer=pretrain")), "walker_walk", 1)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (50_000, 48),  # 41 after the warm-up's 8,192 steps, and on to the next evaluation
        (100_000, 96),
        (8_192 + 8 * 1024, 8),
        (1, 8),
        (250_000, 236),  # no more than the suite has
        (10**9, 236),
    ],
)
def test_so_many_steps_are_iterations_up_to_the_next_evaluation(steps: int, expected: int) -> None:
    trainer = {"horizon": 16, "warmup_steps": 8192, "iterations": 236}
    cfg = OmegaConf.create({"trainer": trainer, "env": {"num_envs": 64}, "eval": {"every": 8}})
    assert iterations(cfg, steps) == expected


def test_more_steps_than_the_suite_has_are_said() -> None:
    """8,192 steps and 236 iterations of 64 environments and 16 steps."""
    _, cfgs = study_of(MLP, "walker_walk", 1, 1_000_000)
    assert "--steps 1000000: " in shortfall(cfgs, 1_000_000) and "walker_walk at 249,856" in shortfall(cfgs, 1_000_000)
    assert cfgs["walker_walk"].trainer.iterations == 236
    assert shortfall(cfgs, 250_000) == shortfall(cfgs, None) == ""
    assert shortfall(study_of(MLP, "walker_walk", 1, 50_000)[1], 50_000) == ""


def test_a_task_of_a_suite_that_is_not_installed_is_refused_before_anything_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(suite, "why_missing", lambda name: "get it" if name == "dflex" else "")
    with pytest.raises(WmzooError, match="dflex_ant is a task of dflex, which is not installed: get it"):
        study_of(MLP, "walker_walk,dflex_ant", 1)


def test_a_finished_run_that_is_too_short_is_trained_further_and_loses_its_diagnostics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, cfgs = study_of(MLP, "walker_walk", 2, 50_000)
    folders = [tmp_path / "mlp" / "walker_walk" / "mlp" / f"seed{seed}" for seed in (0, 1)]
    for folder, length in zip(folders, (16, 48), strict=True):
        run = {"every": 8, "returns": [1.0] * (length // 8)}
        write_run(folder, dynamics="mlp", task="walker-walk", seed=int(folder.name[-1]), **run)
        (folder / "diagnostics").mkdir()
    monkeypatch.setattr(suite, "train_or_resume", lambda folder, overrides: ["resume", str(folder)])
    short, long = trainings(study, cfgs, tmp_path)
    assert not short.finished() and long.finished()
    assert short.words() == ["resume", str(folders[0]), "trainer.iterations=48"]
    assert [(folder / "diagnostics").exists() for folder in folders] == [False, True]
    assert [run.seed for run in finished(study, tmp_path)["walker_walk"]] == [0, 1]


def test_a_run_that_was_not_begun_or_cut_short_is_no_finished_one(tmp_path: Path) -> None:
    study, cfgs = study_of(MLP, "walker_walk", 1, 50_000)
    (job,) = trainings(study, cfgs, tmp_path)
    assert job.words()[0] == "train" and job.words()[-1] == f"run_dir={job.folder}"
    write_run(job.folder, dynamics="mlp", task="walker-walk", seed=0, returns=[1.0] * 5, status="interrupted")
    assert not job.finished() and finished(study, tmp_path) == {}
    facts = job.folder / "run.json"
    facts.write_text(json.dumps({"status": "done"}))
    assert job.finished() and jobs.training("", "", job.folder, []).finished()

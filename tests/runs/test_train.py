"""A short real training, from the command line to its folder, and back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from short_run import SHORT_RUN

import wmzoo
from wmzoo.checkpoints.find import list_checkpoints
from wmzoo.cli.main import main
from wmzoo.envs.build import build_env, evaluation_seed
from wmzoo.errors import RunInterrupted, WmzooError
from wmzoo.evaluation.episodes import evaluate
from wmzoo.reports.words import number
from wmzoo.runs.metrics import read_metrics
from wmzoo.runs.train import _why_no_video, record_video

SHORT = [*SHORT_RUN, "dynamics=mlp", "trainer.iterations=4", "eval.every=2", "eval.episodes=2", "save.every=1"]
SHORT += ["save.keep=2"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "short"
    assert main(["train", *SHORT, f"run_dir={folder}"]) == 0
    return folder


def test_a_run_leaves_everything_the_guide_promises(folder):
    names = {path.name for path in folder.iterdir()} - {"video.mp4"}  # no video where nothing can draw
    files = {"config.yaml", "run.json", "metrics.jsonl", "metrics.csv", "learning_curve.png"}
    assert names == files | {"checkpoints", "eval"}
    assert [path.name for path in list_checkpoints(folder)] == ["00000003", "00000004"]
    facts = json.loads((folder / "run.json").read_text())
    assert facts["status"] == "done" and facts["parameters"]["total"] > 0


def test_every_iteration_has_its_row_and_evaluations_come_when_asked(folder):
    rows = read_metrics(folder)
    assert [row["iteration"] for row in rows] == [1, 2, 3, 4]
    assert [row["eval_return"] is not None for row in rows] == [False, True, False, True]
    assert all(row[name] is not None for row in rows for name in ("policy_loss", "value_loss", "dynamics_loss"))
    assert rows[-1]["rewards"] is not None and rows[-1]["env_steps"] == 80 + 4 * 4 * 4


def test_the_loaded_agent_evaluates_to_the_very_number_the_run_recorded(folder):
    agent = wmzoo.load(folder)
    env = build_env(agent.cfg, 2)
    last = read_metrics(folder)[-1]
    assert evaluate(agent, env, evaluation_seed(agent.cfg)).row() == {
        name: last[name] for name in last if "eval_" in name
    }


def test_every_episode_of_every_evaluation_is_kept(folder):
    rows = {row["iteration"]: row for row in read_metrics(folder)}
    for iteration in (2, 4):
        result = json.loads((folder / "eval" / f"{iteration:08d}.json").read_text())
        assert len(result["returns"]) == 2 and result["lengths"] == [10, 10] and result["successes"] is None
        assert sum(result["returns"]) / 2 == pytest.approx(result["mean"])
        assert result["env_steps"] == rows[iteration]["env_steps"]
        assert (result["mean"], result["std"]) == tuple(rows[iteration][f"eval_{n}"] for n in ("return", "return_std"))
        assert result["seed"] == evaluation_seed(wmzoo.load(folder).cfg)


@pytest.mark.usefixtures("no_video")
def test_run_json_tells_how_many_evaluations_one_latent_step_costs(folder, tmp_path):
    assert json.loads((folder / "run.json").read_text())["nfe_per_latent_step"] == 1
    flow = ["dynamics=flow", "dynamics.train_integrator=rk4", "dynamics.train_substeps=3", "trainer.iterations=1"]
    assert main(["train", *SHORT, *flow, f"run_dir={tmp_path / 'run'}"]) == 0
    assert json.loads((tmp_path / "run" / "run.json").read_text())["nfe_per_latent_step"] == 4 * 3


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["loss.metric=foo"], "loss.metric is path, end or landed, not 'foo'"),
        (["dynamics=noise_flow", "loss.step_weight=0"], "loss.step_weight above 0"),
    ],
)
def test_a_loss_that_cannot_be_is_refused_before_there_is_a_folder(overrides, words, tmp_path, capsys):
    assert main(["train", *SHORT_RUN, *overrides, f"run_dir={tmp_path / 'run'}"]) == 2
    out, err = capsys.readouterr()
    assert words in err and "run folder" not in out + err and not (tmp_path / "run").exists()


def test_a_mean_that_nothing_trains_is_refused_before_the_first_random_step(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("wmzoo.trainers.online.OnlineTrainer.begin", lambda self: pytest.fail("it has begun"))
    overrides = ["dynamics=noise_flow", "loss.rollout_weight=0", f"run_dir={tmp_path / 'run'}"]
    assert main(["train", *SHORT_RUN, *overrides]) == 2
    assert "loss.rollout_weight is above 0 or dynamics.mean=false" in capsys.readouterr().err


@pytest.mark.slow
def test_without_rendering_it_is_told_before_training_and_no_episode_is_run_for_a_video(tmp_path, capsys, monkeypatch):
    def blind(self):
        raise WmzooError("no rendering: install libegl1")

    monkeypatch.setattr("wmzoo.envs.dmc_simulator.DmcSimulator.check_rendering", blind)
    monkeypatch.setattr("wmzoo.runs.train.record_video", lambda folder: pytest.fail("recorded"))
    assert main(["train", *SHORT, f"run_dir={tmp_path / 'run'}"]) == 0
    out = capsys.readouterr().out
    line = "no video at the end: no rendering: install libegl1\n"
    assert out.count(line) == 1 and out.index(line) < out.index("iteration 1/4")


@pytest.mark.parametrize(
    ("words", "why"), [(["video=false"], "video=false"), (["trainer=pretrain"], "trainer=pretrain plays nothing")]
)
def test_a_run_without_a_video_says_why(words, why, monkeypatch):
    monkeypatch.setattr("wmzoo.runs.train.why_no_video", lambda cfg: pytest.fail("looked whether it can be drawn"))
    assert _why_no_video(wmzoo.compose(words)) == why


@pytest.mark.usefixtures("no_video")
def test_trained_on_it_begins_with_what_was_and_ends_with_what_it_reached_and_what_to_type_next(
    folder, tmp_path, capsys
):
    run = shutil.copytree(folder, tmp_path / "run")
    before = [row["eval_return"] for row in read_metrics(run) if row["eval_return"] is not None]
    assert main(["resume", str(run), "trainer.iterations=5"]) == 0
    out = capsys.readouterr().out.splitlines()
    (shown,) = [line for line in out if line.startswith("iteration 4/5 ")]
    assert f"| evaluations {number(before[0])}, {number(before[1])} ± " in shown
    assert any(line.startswith("reached: return ") for line in out)
    assert out[-1] == f"next, train on: wmzoo resume {run} trainer.iterations=10"


def test_ctrl_c_while_the_video_is_drawn_says_that_all_else_is_done(folder, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("wmzoo.runs.train.film", interrupted)
    with pytest.raises(RunInterrupted, match=f"interrupted before the video was drawn; all else is done: {folder}"):
        record_video(folder)


def test_so_does_the_command_and_says_so(folder, capsys):
    assert main(["evaluate", str(folder), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["mean"] == result["recorded"] == read_metrics(folder)[-1]["eval_return"]


def test_a_run_folder_is_not_written_into_twice(folder, capsys):
    assert main(["train", *SHORT, f"run_dir={folder}"]) == 2
    assert "not empty" in capsys.readouterr().err


@pytest.mark.usefixtures("no_video")
def test_a_parameter_that_a_part_does_not_take_is_a_mistake_of_the_config(tmp_path, capsys):
    assert main(["train", *SHORT, "dynamics.residual=odd", f"run_dir={tmp_path / 'run'}"]) == 2
    assert "wmzoo: dynamics.residual is one of none, latent, logit, sphere, not 'odd'" in capsys.readouterr().err
    assert main(["train", *SHORT, "trainer.iterations=1", f"run_dir={tmp_path / 'run'}"]) == 0  # corrected, same folder


@pytest.mark.usefixtures("no_video")
def test_whatever_ends_a_run_early_is_told_with_the_iteration_and_the_last_checkpoint(tmp_path, capsys, monkeypatch):
    calls = []

    def fail(self):
        calls.append(1)
        if len(calls) == 3:
            raise OSError("the disk is full")
        return {}

    monkeypatch.setattr("wmzoo.trainers.online.OnlineTrainer._policy_updates", fail)
    assert main(["train", *SHORT, f"run_dir={tmp_path / 'run'}"]) == 3
    line = capsys.readouterr().err.splitlines()[-1]
    run = tmp_path / "run"
    told = f"last checkpoint: {run / 'checkpoints' / '00000002'}; `wmzoo resume {run}` goes on from it"
    assert line == f"wmzoo: OSError: the disk is full, in iteration 3; {told}"


SIX = [*SHORT_RUN, "env=pendulum_swingup", "eval.episodes=1", "trainer.iterations=6", "eval.every=6", "save.every=2"]
DIVERGES = """
import torch, wmzoo
from wmzoo.dynamics.mlp import MLPDynamics

@wmzoo.register("dynamics", "diverging", params={"units": "${model.units}", "simnorm_dim": "${model.simnorm_dim}"})
class Diverging(MLPDynamics):
    calls = 0
    def forward(self, z, a, task_emb=None):
        z_next = super().forward(z, a, task_emb)
        type(self).calls += torch.is_grad_enabled()
        return z_next * float("inf") if 40 < self.calls < 45 else z_next
"""


@pytest.fixture
def command(tmp_path: Path, own_registry: None) -> list[str]:
    (tmp_path / "diverging.py").write_text(DIVERGES)
    return ["train", *SIX, "dynamics=diverging", "--plugin", str(tmp_path / "diverging.py")]


@pytest.mark.usefixtures("no_video")
def test_stop_ends_the_run_with_what_where_and_the_last_good_checkpoint(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert main([*command, f"run_dir={run}"]) == 3
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("wmzoo: the")]
    newest = sorted((run / "checkpoints").iterdir())[-1]
    what = "the latent in the model's update is not finite, in iteration 5"
    assert line == f"wmzoo: {what}; last checkpoint: {newest}"
    assert newest.name == "00000004" and [row["iteration"] for row in read_metrics(run)] == [1, 2, 3, 4]


@pytest.mark.slow
@pytest.mark.usefixtures("no_video")
def test_skip_goes_on_to_the_end_and_counts(command: list[str], tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert main([*command, f"run_dir={run}", "on_nonfinite=skip"]) == 0
    rows = read_metrics(run)
    assert [row["nonfinite"] for row in rows] == [0, 0, 0, 0, 1, 1]
    assert rows[4]["wm_loss"] is None and rows[5]["wm_loss"] is not None

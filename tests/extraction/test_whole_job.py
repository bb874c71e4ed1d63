"""`wmzoo mt30` from nothing to its report, at the smallest size."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from wmzoo.envs.task_sets import MT30, MT80
from wmzoo.evaluation.episodes import Evaluation
from wmzoo.evaluation.tasks import Played
from wmzoo.studies.extraction_report import words, write_report
from wmzoo.studies.extraction_results import Results

TASKS = "[cartpole-swingup,reacher-easy]"
TINY = [
    "size=tiny", "device=cpu", "threads=1", "eval.every=2", "eval.episodes=2", "save.every=1", "trainer.horizon=4",
    f"extraction.collect.tasks={TASKS}", "extraction.collect.episodes=2",
    "extraction.pretrain=['trainer.iterations=3','trainer.model_updates=2','eval.every=1']",
    "extraction.extract=['trainer.iterations=3']",
]  # fmt: skip


def start(out, *more):
    command = [sys.executable, "-m", "wmzoo", "mt30", "--mini", *TINY, "--out", str(out), "--episodes", "3", *more]
    return subprocess.Popen(
        command, env={**os.environ, "MUJOCO_GL": "disabled"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.slow
def test_one_command_collects_pretrains_extracts_evaluates_and_reports_and_goes_on_after_a_kill(tmp_path):
    out = tmp_path / "job"
    killed = start(out, "--workers", "2")
    while not list(out.glob("extract/*/*/checkpoints/0*")):
        assert killed.poll() is None, killed.communicate()
        time.sleep(0.1)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    again = start(out, "--workers", "2")
    said, err = again.communicate(timeout=600)
    assert again.returncode == 0, err
    assert "flow, finetuned: score" in said and "of 2 tasks" in said
    runs = sorted(out.glob("*/*/run.json")) + sorted(out.glob("extract/*/*/run.json"))
    assert len(runs) == 2 + 8 and all(json.loads(file.read_text())["status"] == "done" for file in runs)
    with (out / "report" / "tables" / "scores.csv").open() as file:
        rows = list(csv.reader(file))
    assert rows[0][:3] == ["task", "data", "mlp, frozen"] and [row[0] for row in rows[1:]] == TASKS.strip("[]").split(
        ","
    )
    for row in rows[1:]:
        evaluation = sorted((out / "extract" / "mlp-frozen" / row[0] / "eval").glob("*-n3-*.json"))[-1]
        assert float(row[2]) == pytest.approx(sum(json.loads(evaluation.read_text())["returns"]) / 30, rel=5e-3)


def results(**changed):
    """Two tasks, two arms, of known returns."""

    def played(task, returns, successes=None):
        return Played(None, task, Evaluation(returns, (1,) * len(returns), successes))

    given = {
        "tasks": (MT30[12], MT80[65]),
        "data": {"cup-catch": 500.0, "mw-reach": 300.0},
        "arms": {
            "mlp, frozen": [played(MT30[12], (400, 500)), played(MT80[65], (900, 700), (True, False))],
            "mlp, finetuned": [played(MT30[12], (600, 600)), played(MT80[65], (100, 100), (False, False))],
        },
        "models": {"mlp": ({"total": 10, "dynamics": 4}, {"latent_error_first": 0.5})},
        "curves": {"mlp, frozen": {"cup-catch": [{"iteration": 1, "eval_return": 5.0}]}},
    }
    return Results(**{**given, **changed})


def test_the_figures_are_those_of_the_episodes(tmp_path):
    found = results()
    assert found.score("mlp, frozen", MT30[12]) == 45 and found.score("mlp, frozen", MT80[65]) == 50
    assert found.data_score(MT30[12]) == 50 and found.data_score(MT80[65]) is None
    assert found.beaten("mlp, frozen") == (1, 2) and found.beaten("mlp, finetuned") == (1, 2)
    assert words(found)[1].startswith("mlp, finetuned: score 30.0 [30.0, 30.0]")
    page = write_report(found, tmp_path / "report", "A title", ["wmzoo mt30"], "mt30").read_text()
    assert "PWM 48M" in page and "76.8" in page and "mw-reach" in page
    assert "PWM 48M" not in write_report(found, tmp_path / "report", "A title", ["x"], "[cup-catch]").read_text()


def test_an_extraction_cut_short_is_reported_as_far_as_it_is(tmp_path):
    found = results(arms={"mlp, frozen": results().arms["mlp, frozen"][:1]})
    assert write_report(found, tmp_path / "report", "A title", ["x"], "mt30").is_file()
    assert "of 1 tasks" in words(found)[0]

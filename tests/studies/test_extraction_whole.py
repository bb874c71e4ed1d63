"""`wmzoo mt30` from nothing to its report, at the smallest size."""

import csv
import json
import time

import pytest
from forked import Forked

TASKS = "[cartpole-swingup,reacher-easy]"
TINY = [
    "size=tiny", "device=cpu", "threads=1", "eval.every=3", "eval.episodes=1", "save.every=1", "trainer.horizon=4",
    "recipe.imagination_horizon=4", "recipe.model_horizon=4",
    f"extraction.collect.tasks={TASKS}",
    "extraction.pretrain=['trainer.iterations=3','trainer.model_updates=2','eval.every=1']",
    "extraction.extract=['trainer.iterations=3']", "~extraction.modes.frozen",
]  # fmt: skip
PLAYED = ["~extraction.collect.agents", "+extraction.collect.episodes=2"]
# Two environments that begin together: an episode each in a warm-up of one, another in the iterations.
AGENTS = ["dynamics=mlp", "env.num_envs=2", "recipe.stagger=false", "recipe.warmup_steps=1010", "trainer.horizon=32",
          "trainer.iterations=16", "recipe.pretrain_updates=2", "recipe.model_updates=1", "recipe.actor_updates=1",
          "eval.every=16"]  # fmt: skip


def start(out, *more):
    """What it prints goes to OUT.log."""
    words = ["mt30", "--mini", *TINY, *more, "--out", str(out), "--episodes", "3"]
    return Forked(["wmzoo", *words], out.with_suffix(".log"))


@pytest.mark.slow
def test_one_command_collects_pretrains_extracts_evaluates_and_reports_and_goes_on_after_a_kill(tmp_path):
    out = tmp_path / "job"
    words = [*PLAYED, "--workers", "2"]
    killed = start(out, *words)
    while not list(out.glob("extract/*/*/checkpoints/0*")):
        assert killed.poll() is None, out.with_suffix(".log").read_text()
        time.sleep(0.1)
    killed.kill()
    killed.wait()
    code = start(out, *words).wait(600)
    said = out.with_suffix(".log").read_text()
    assert code == 0, said
    assert "flow, finetuned: score" in said and "of 2 tasks" in said
    runs = sorted(out.glob("*/*/run.json")) + sorted(out.glob("extract/*/*/run.json"))
    assert len(runs) == 2 + 4 and all(json.loads(file.read_text())["status"] == "done" for file in runs)
    with (out / "report" / "tables" / "scores.csv").open() as file:
        rows = list(csv.reader(file))
    tasks = TASKS.strip("[]").split(",")
    assert rows[0][:3] == ["task", "data", "mlp, finetuned"] and [row[0] for row in rows[1:]] == tasks
    for row in rows[1:]:
        evaluation = sorted((out / "extract" / "mlp-finetuned" / row[0] / "eval").glob("*-n3-*.json"))[-1]
        assert float(row[2]) == pytest.approx(sum(json.loads(evaluation.read_text())["returns"]) / 30, rel=5e-3)


@pytest.mark.slow
def test_data_of_one_task_need_no_task_embedding(tmp_path):
    alone = [*PLAYED, "extraction.collect.tasks=[cartpole-swingup]", "~extraction.dynamics.flow"]
    start(tmp_path / "job", *alone).wait(600)
    said = (tmp_path / "job.log").read_text()
    assert "mlp, finetuned: score" in said and "of 1 tasks" in said, said
    run = json.loads((tmp_path / "job" / "extract" / "mlp-finetuned" / "cartpole-swingup" / "run.json").read_text())
    assert run["status"] == "done" and "task_embedding" not in run["parameters"]


@pytest.mark.slow
def test_the_data_can_be_what_agents_see_while_they_learn(tmp_path):
    out = tmp_path / "job"
    words = [f"extraction.collect.agents={json.dumps(AGENTS)}", "extraction.collect.tasks=[cartpole-swingup]"]
    code = start(out, *words, "~extraction.dynamics.flow").wait(600)
    said = (tmp_path / "job.log").read_text()
    assert code == 0 and "replay of an agent of each of 1 task" in said, said
    index = json.loads((out / "data" / "index.json").read_text())
    assert sum(count for count, _ in index["tasks"][0]["episodes"]) == 4
    kept = out / "report" / "runs"
    with (kept / "agents" / "cartpole-swingup" / "metrics.csv").open() as file:
        evaluated = [float(row["eval_return"]) for row in csv.DictReader(file) if row["eval_return"]]
    with (out / "report" / "tables" / "scores.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert float(row["agent"]) == pytest.approx(sum(evaluated[-3:]) / len(evaluated[-3:]) / 10, rel=1e-4)
    (file,) = (kept / "extract" / "mlp-finetuned" / "cartpole-swingup" / "eval").glob("*.json")
    assert float(row["mlp, finetuned"]) == pytest.approx(sum(json.loads(file.read_text())["returns"]) / 30, rel=5e-3)

"""`wmzoo evaluate --tasks`: the table of real policies on real tasks, for a reader and for programs."""

import json

import numpy as np
import pytest
import torch

import wmzoo
from wmzoo.agent.build import build_agent
from wmzoo.cli.main import main
from wmzoo.envs.build import build_env, evaluation_seed
from wmzoo.evaluation.published import PUBLISHED
from wmzoo.trainers.build import settled

SET = "[cup-catch,pendulum-swingup,reacher-easy]"


@pytest.fixture(scope="module")
def policies(tmp_path_factory):
    """An untrained policy of three tasks, one of a single task of theirs alone, and a model without a policy."""
    folder = tmp_path_factory.mktemp("policies")
    for name, typed in {
        "several": ["env=multitask", f"env.set={SET}"],
        "one": ["env=pendulum_swingup"],
        "model": ["env=pendulum_swingup"],
    }.items():
        cfg = wmzoo.compose([*typed, "size=tiny", "env.episode_length=20", "device=cpu", "threads=1"])
        env = build_env(cfg, 1)
        cfg = settled(cfg, env)
        if name == "model":
            cfg.actor = cfg.critic = None
        build_agent(cfg, env.obs_dim, env.act_dim).save(folder / name)
    return folder


def evaluate(capsys, *words):
    code = main(["evaluate", *map(str, words)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.slow
def test_the_table_has_every_task_of_every_run_and_the_score(policies, capsys):
    runs = (policies / "several", policies / "one")
    code, out, _ = evaluate(capsys, *runs, "--tasks", "cup-catch,pendulum-swingup,walker-run", "--episodes", 2)
    assert code == 0
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert lines["cup-catch"].split()[-1] == "1" and lines["pendulum-swingup"].split()[-1] == "2"
    assert "(2 tasks, 95% intervals over episodes)" in lines["score"]
    assert "not in the score: walker-run" in out


def test_the_figures_are_those_of_the_episodes(policies, capsys):
    words = ("--tasks", "cup-catch,pendulum-swingup,reacher-easy", "--episodes", 3, "--json")
    code, out, _ = evaluate(capsys, policies / "several", *words)
    found = json.loads(out)
    scores = [np.mean(row["returns"]) / 10 for row in found["tasks"]]
    assert code == 0 and [row["score"] for row in found["tasks"]] == pytest.approx(scores)
    assert found["score"]["mean"]["value"] == pytest.approx(np.mean(scores))
    agent = wmzoo.load(policies / "several")
    env = wmzoo.build("env", "multitask", set=SET.strip("[]").split(","), num_envs=3, only=["reacher-easy"],
                      episode_length=20)  # fmt: skip
    obs, total = env.reset(evaluation_seed(agent.cfg)), torch.zeros(3, dtype=torch.float64)
    for _ in range(20):
        step = env.step(agent.act(obs, task=env.tasks))
        obs, total = step.obs, total + step.reward.double()
    assert found["tasks"][2]["returns"] == pytest.approx(total.tolist(), abs=1e-9)


def test_published_scores_stand_beside_with_what_to_know_about_them(policies, capsys):
    code, out, _ = evaluate(capsys, policies / "one", "--tasks", "mt30", "--episodes", 2, "--published")
    assert code == 0 and "and 24 more" in out
    for one in PUBLISHED["mt30"]:
        assert f"mean {one.mean:.1f}, IQM {one.iqm:.1f}" in out
    assert "(29 tasks)" in out and "one run per task" in out and "Meta-World" not in out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["one", "several"], "make a table of tasks: --tasks mt30"),
        (["one", "--published"], "--tasks mt30"),
        (["one", "--tasks", "cup-catch", "--published"], "--published knows mt30 and mt80"),
        (["one", "--tasks", "cup-catsh"], "did you mean cup-catch"),
        (["one", "--tasks", "cup-catch"], "plays pendulum-swingup, none of the tasks that are asked for"),
        (["model", "--tasks", "mt30"], "holds a world model alone"),
        (["one", "--tasks", "mt30", "--video", "film.mp4"], "without --tasks"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(policies, capsys, words, expected):
    code, _, err = evaluate(capsys, *(policies / word if (policies / word).is_dir() else word for word in words))
    assert code == 2 and expected in err and err.count("\n") == 1

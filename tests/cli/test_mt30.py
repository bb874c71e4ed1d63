"""`wmzoo mt30`: what makes no sense is refused before anything is made."""

import shlex
import time
from pathlib import Path

import pytest

from wmzoo.cli.main import main


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["mt30"], "--data DIR, as `wmzoo data convert` makes it"),
        (["mt30", "--experiment", "paper", "--data", "x"], "experiment=paper has no plan of an extraction"),
        (["mt30", "--data", "nowhere"], "nowhere: no index.json"),
        (["mt30", "--mini", "--workers", "0"], "--workers is 0"),
        (["mt30", "--mini", "trainer.horizno=3"], "trainer.horizno"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line_before_anything_is_made(words, expected, tmp_path, capsys):
    assert main([*words, "--out", str(tmp_path / "out")]) == 2
    err = capsys.readouterr().err
    assert expected in err and err.count("\n") == 1 and not Path(tmp_path / "out").exists()


@pytest.mark.slow
def test_what_it_takes_here_is_measured_and_nothing_is_made(tmp_path, capsys):
    words = [
        "mt30",
        "--mini",
        "--plan",
        "--seconds",
        "1",
        "size=tiny",
        "model.batch_size=8",
        "~extraction.dynamics.flow",
        "extraction.collect.agents=['env.num_envs=4','trainer.iterations=8','recipe.warmup_steps=4000']",
        "extraction.pretrain=['trainer.iterations=60','trainer.model_updates=100']",
        "extraction.extract=['trainer.iterations=2000','eval.every=200']",
    ]
    began = time.perf_counter()
    assert main([*words, "--out", str(tmp_path / "out")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("experiment=mt30_mini on ") and "6 tasks that are collected, 0.00 GB" in lines[1]
    rows = [line.rsplit(maxsplit=6) for line in lines[3:8]]
    assert [(row[0].strip(), row[1], row[2]) for row in rows] == [
        ("agents", "6", "8"),
        ("pretrain mlp", "1", "6,000"),
        ("extract mlp, frozen", "6", "2,000"),
        ("extract mlp, finetuned", "6", "2,000"),
        ("evaluate", "12", "11"),
    ]
    for name, runs, steps, pace, _, _, hours in rows:
        taken = int(runs) * int(steps.replace(",", "")) / float(pace.replace(",", "")) / 3600
        if name.strip() == "agents":  # whose warm-up of 500 steps of each environment is more than their 8 iterations
            assert float(hours) > taken + 0.006
        else:
            assert float(hours) == pytest.approx(taken, abs=0.006, rel=0.01)
    took = float(lines[8].partition("measured in ")[2].partition(" ")[0])
    assert abs(took - (time.perf_counter() - began)) < 5 and took != 1  # what it took, and not what was asked for
    assert not (tmp_path / "out").exists()


def test_its_plan_is_shown_and_an_interruption_says_what_goes_on(tmp_path, capsys, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("wmzoo.studies.jobs.Runner.run", interrupted)
    words = ["mt30", "--mini", "seed=3", "extraction.collect.tasks=[cup-catch,reacher-easy]", "--workers", "2"]
    assert main([*words, "--out", str(tmp_path / "out")]) == 130
    printed = capsys.readouterr()
    plan = [line.split(maxsplit=1) for line in printed.out.splitlines()[1:-1]]
    assert dict(plan) == {
        "data": f"replay of an agent of each of 2 tasks: {tmp_path}/out/data",
        "pretrain": "2 world models: mlp, flow",
        "extract": "8 policies, one a task: mlp, frozen; flow, frozen; mlp, finetuned; flow, finetuned",
        "evaluate": "each of them, 10 episodes",
        "report": f"{tmp_path}/out/report",
    }
    command = printed.err.partition("`")[2].partition("`")[0]
    assert printed.err == f"wmzoo: interrupted; `{command}` goes on\n"
    assert sorted(shlex.split(command)) == sorted(["wmzoo", *words, "--out", str(tmp_path / "out")])
    assert f"`{command}` goes on" in printed.out

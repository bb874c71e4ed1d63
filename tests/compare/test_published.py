"""Published returns beside learning curves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from synthetic_runs import rows, undrawn, write_run

from wmzoo.cli.main import main
from wmzoo.compare.analysis import compare
from wmzoo.compare.published import points, without
from wmzoo.compare.selection import select_runs
from wmzoo.compare.tasks import Settings, Task


def write(root: Path, name: str, repeat: int = 2, **env: Any) -> Path:
    for arm in ("mlp", "flow"):
        node = {"name": "dmc", "task": name, "action_repeat": repeat, "episode_length": None, **env}
        write_run(root / name / arm, dynamics=arm, task=name, seed=0, returns=[1, 2, 3], config={"env": node})
    return root


def task(root: Path) -> Task:
    return compare(select_runs([root], ["dynamics"])[0], Settings()).tasks[0]


@pytest.mark.parametrize("repeat", [2, 4])
def test_environment_steps_are_divided_by_the_action_repeat(tmp_path: Path, repeat: int) -> None:
    found = {each.method: each for each in points(task(write(tmp_path, "walker-walk", repeat)))}
    assert list(found) == ["TD-MPC2", "MR.Q", "SAC", "DreamerV3"]
    assert found["SAC"].steps == [100_000 / repeat, 200_000 / repeat, 500_000 / repeat, 1_000_000 / repeat]
    assert found["SAC"].returns == [708, 923, 953, 957]


def test_a_task_of_dflex_has_those_of_its_own_methods_and_not_another_suite_s_of_that_name(tmp_path: Path) -> None:
    def hopper(suite: str) -> Task:
        for arm in ("mlp", "flow"):
            config = {"env": {"name": suite, "task": "hopper"}}
            run = tmp_path / suite / arm
            write_run(run, dynamics=arm, task="hopper", seed=0, returns=[1, 2], config=config, suite=suite)
        return task(tmp_path / suite)

    found = {each.method: each for each in points(hopper("dflex"))}
    assert list(found) == ["PWM", "SHAC", "TD-MPC2"] and found["TD-MPC2"].returns[0] == -16
    assert found["PWM"].steps == [100_000, 500_000, 1_000_000, 4_000_000, 8_000_000]
    assert points(hopper("gymnasium")) == []


def test_where_the_task_is_not_the_published_one_there_are_none(tmp_path: Path) -> None:
    for folder, env in (("pushed", {"push": 0.1}), ("short", {"episode_length": 100}), ("sticky", {"sticky": 0.25})):
        found = task(write(tmp_path / folder, "walker-walk", **env))
        assert points(found) == [] and "beside walker-walk" in without([found])
    assert without([task(write(tmp_path / "same", "walker-walk"))]) == ""


@pytest.mark.slow
def test_a_report_draws_them_names_their_source_and_says_where_there_are_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(write(tmp_path / "runs", "walker-walk"), "fish-swim")
    command = ["compare", str(tmp_path / "runs"), "--out", str(tmp_path / "report")]
    with undrawn("png"):
        assert main([*command, "--published"]) == 0
    assert "No published returns beside fish-swim" in capsys.readouterr().out
    page = (tmp_path / "report" / "report.html").read_text()
    assert "github.com/nicklashansen/tdmpc2" in page and "arXiv 2501.16142" in page and "--published" in page
    table = rows(tmp_path / "report" / "tables" / "published.csv")
    assert {row["task"] for row in table} == {"walker-walk"} and len(table) == 16
    assert table[0] == {
        "task": "walker-walk", "method": "TD-MPC2", "agent steps": "50000.0", "environment steps": "100000.0",
        "return": "962.0",
    }  # fmt: skip
    with undrawn("png"):
        assert main(command) == 0
    assert "Published returns" not in (tmp_path / "report" / "report.html").read_text()

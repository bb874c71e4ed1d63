"""Rows written and read, and those that come with wmzoo."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from wmzoo.errors import DamagedFile
from wmzoo.scoreboard.files import best, read_row, references, write_row
from wmzoo.scoreboard.fingerprint import digest
from wmzoo.scoreboard.row import Evaluations, Row, TaskRow
from wmzoo.storage.package_data import data_dir


def row(name: str, level: float, tasks: tuple[str, ...] = ("a",), end: float = 120_000.0) -> Row:
    seeds = {str(seed): Evaluations([20_000.0, end], [level, level]) for seed in range(3)}
    made = {
        task: TaskRow("d" * 16, {"env.task": task}, "c" * 40, seeds, ratio=1.25, latent_errors=[0.5, 1])
        for task in tasks
    }
    return Row(name, [f"dynamics={name}"], f"wmzoo bench {name}", {"recipe.gamma": 0.99}, made)


def test_a_row_is_read_as_it_was_written_with_returns_in_five_digits(tmp_path: Path) -> None:
    write_row(row("mlp", 812.34567, ("a", "b")), tmp_path / "row.json")
    found = read_row(tmp_path / "row.json")
    assert found.tasks["b"].seeds["1"].returns == [812.35, 812.35]
    assert found.tasks["b"].seeds["1"].steps == [20_000, 120_000]
    assert found == row("mlp", 812.35, ("a", "b")) and found.config["recipe.gamma"] == 0.99


def test_the_file_has_the_scores_for_other_readers(tmp_path: Path) -> None:
    write_row(row("mlp", 800.0), tmp_path / "row.json")
    task = json.loads((tmp_path / "row.json").read_text())["tasks"]["a"]
    assert task["returns"] == {"50000": [800, 800, 800], "100000": [800, 800, 800], "250000": None}
    assert task["returns_at_equal_seconds"]["100000"] == [800, 800, 800]
    one = row("mlp", 800.0)
    del one.tasks["a"].seeds["2"]  # type: ignore[attr-defined]
    write_row(one, tmp_path / "row.json")
    assert json.loads((tmp_path / "row.json").read_text())["tasks"]["a"]["returns"]["50000"] == [800, None, None]


@pytest.mark.parametrize("text", ["{}", '{"tasks": {"a": {}}}', '{"name": 1, "tasks": {}}', "[]"])
def test_a_file_that_is_no_row_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "row.json").write_text(text)
    with pytest.raises(DamagedFile, match=r"row\.json"):
        read_row(tmp_path / "row.json")


def test_the_best_is_that_of_the_highest_mean_among_those_that_have_all_tasks() -> None:
    rows = [row("low", 100, ("a", "b")), row("high", 300, ("a", "b")), row("partial", 900)]
    found = best(rows, ["a", "b"])
    assert found and found.name == "high"
    assert best(rows, ["a", "b", "c"]) is None


def test_what_comes_with_wmzoo_is_small_and_says_of_what_settings_it_is() -> None:
    files = list(data_dir("scoreboard").iterdir())
    assert sum(file.stat().st_size for file in files) < 1_000_000
    assert references()
    for name, each in references().items():
        assert each.name == name
        assert len(json.dumps(each.config)) < 20_000
        for task, found in each.tasks.items():
            assert digest(each.fingerprint(task)) == found.digest

"""The rows that come with wmzoo are those that fit today's settings, and their page is made of them."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from omegaconf import OmegaConf

from wmzoo.config.composition import compose
from wmzoo.scoreboard.files import read_row, references, write_row
from wmzoo.scoreboard.fingerprint import fingerprint
from wmzoo.scoreboard.from_runs import joined
from wmzoo.scoreboard.row import Evaluations, Row, TaskRow
from wmzoo.scoreboard.suite import suite

ROOT = Path(__file__).parents[2]


@pytest.fixture
def scoreboard(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("scoreboard")


def row(task: str, *changes: str, seeds: int = 1, overrides: tuple[str, ...] = ()) -> Row:
    words = ["experiment=standard", f"env={task}", "dynamics=mlp", *overrides, *changes]
    cfg: Any = OmegaConf.to_container(compose(words), resolve=True)
    of = {str(seed): Evaluations([20_000, 250_000], [500, 500 + len(changes)]) for seed in range(seeds)}
    tasks = {task: TaskRow("", fingerprint(cfg), None, of)}
    return joined(Row("mlp", ["dynamics=mlp", *overrides], "wmzoo bench mlp --root x", {}, tasks))


def test_the_page_and_readme_are_written_from_the_rows(scoreboard: ModuleType) -> None:
    tasks = list(suite()[1])
    rows = scoreboard.ordered(list(references().values()), tasks)
    again = "run python benchmarks/scoreboard.py"
    assert scoreboard.page(rows, tasks) == (ROOT / "docs" / "scoreboard.md").read_text(encoding="utf-8"), again
    best = "\n".join(scoreboard.marked_tables.markdown(scoreboard.best_rows(rows, tasks)))
    assert best in (ROOT / "README.md").read_text(encoding="utf-8"), again


def test_tasks_of_other_settings_are_left_out_and_said(scoreboard: ModuleType, tmp_path: Path) -> None:
    said = scoreboard.keep([row("walker_walk"), row("cheetah_run", "recipe.gamma=0.97"), row("fish_swim")], tmp_path)
    assert list(read_row(tmp_path / "mlp.json").tasks) == ["walker_walk"]
    assert [each.partition(" (")[0] for each in said] == ["mlp on cheetah_run was made with another recipe"]


def test_of_two_rows_of_a_task_the_one_with_more_seeds_is_kept(scoreboard: ModuleType, tmp_path: Path) -> None:
    rows = [row("walker_walk", seeds=2), row("walker_walk"), row("finger_spin"), row("finger_spin", seeds=3)]
    assert scoreboard.keep(rows, tmp_path) == []
    found = read_row(tmp_path / "mlp.json").tasks
    assert {task: len(each.seeds) for task, each in found.items()} == {"walker_walk": 2, "finger_spin": 3}


def test_only_rows_of_the_zoo_s_entries_are_kept_and_with_the_command_that_a_user_types(
    scoreboard: ModuleType, tmp_path: Path
) -> None:
    matched = ("dynamics.units=match",)
    for name, one in {
        "mlp": row("walker_walk"),
        "mlp-dynamics.units-match": replace(row("walker_walk"), overrides=["dynamics=mlp", *matched]),
        "mlp-size-tiny": replace(row("walker_walk"), overrides=["dynamics=mlp", "size=tiny"]),
        "mine": replace(row("walker_walk"), overrides=["dynamics=mine"]),
    }.items():
        (tmp_path / name).mkdir()
        write_row(one, tmp_path / name / "row.json")
    assert [each.command for each in scoreboard.rows_of_bench(tmp_path)] == [
        "wmzoo bench mlp",
        "wmzoo bench mlp dynamics.units=match",
    ]


def test_rows_are_in_the_order_of_tasks_and_then_of_scores(scoreboard: ModuleType) -> None:
    def named(name: str, levels: dict[str, float]) -> Row:
        tasks = {
            task: TaskRow("", {}, None, {"0": Evaluations([1, 250_000], [level] * 2)}) for task, level in levels.items()
        }
        return Row(name, [], "", {}, tasks)

    rows = [named("easy", {"a": 990}), named("worse", {"a": 100, "b": 200}), named("better", {"a": 200, "b": 300})]
    assert [each.name for each in scoreboard.ordered(rows, ["a", "b"])] == ["better", "worse", "easy"]

"""The rows that come with wmzoo are those that fit today's settings, and their page is made of them."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from omegaconf import OmegaConf

from wmzoo.config.composition import compose
from wmzoo.registry import list_entries
from wmzoo.scoreboard.cost import Cost
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


def test_at_equal_seeds_the_later_row_is_kept_unless_only_the_earlier_was_diagnosed(
    scoreboard: ModuleType, tmp_path: Path
) -> None:
    def at(level: float, esnr: float | None = None, command: str = "wmzoo study run s") -> Row:
        one = replace(row("walker_walk"), command=command)
        runs = {"0": Evaluations([20_000, 250_000], [level, level])}
        return replace(one, tasks={"walker_walk": replace(one.tasks["walker_walk"], seeds=runs, esnr=esnr)})

    def kept(*rows: Row) -> Row:
        assert scoreboard.keep(rows, tmp_path) == []
        return read_row(tmp_path / "mlp.json")

    def level(found: Row) -> float:
        return found.tasks["walker_walk"].seeds["0"].returns[0]

    assert (
        level(kept(at(1), at(2))) == 2 and level(kept(at(1, 0.5), at(2))) == 1 and level(kept(at(1), at(2, 0.5))) == 2
    )
    assert kept(at(1), at(2, command="wmzoo bench mlp")).command == "wmzoo bench mlp"
    both = kept(row("finger_spin"), at(2))
    assert both.command == "wmzoo bench mlp --root x; wmzoo study run s" and {*both.tasks} == {
        "finger_spin",
        "walker_walk",
    }


def test_what_an_iteration_costs_is_known_from_the_same_settings_or_timed_where_asked(
    scoreboard: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row of other settings, whose digest is another one, tells nothing."""
    monkeypatch.setattr(scoreboard, "measured", lambda cfg, say: Cost(3.0, 2.0, 7, 5))

    def of(digest: str, seeds: int, ratio: float | None = None) -> Row:
        one = row("walker_walk", seeds=seeds)
        return replace(one, tasks={task: replace(each, digest=digest, ratio=ratio) for task, each in one.tasks.items()})

    def ratio(*rows: Row, timed: bool = False) -> float | None:
        scoreboard.keep(rows, tmp_path, timed)
        return read_row(tmp_path / "mlp.json").ratio

    assert ratio(of("a", 1, 1.25), of("a", 2)) == 1.25 and ratio(of("b", 1, 1.25), of("a", 2)) is None
    assert ratio(of("a", 1, 1.25), of("a", 2), timed=True) == 1.25 and ratio(of("a", 2), timed=True) == 1.5


def test_readme_s_figure_is_that_of_the_most_steps_there_are(scoreboard: ModuleType) -> None:
    """Scores at 100,000 steps are (100 + 300) / 2 and (200 + 400) / 2; three seeds have an interval, two none."""
    short = {str(s): Evaluations([20_000, 100_000], [100.0 * (s + 1), 300.0 + 100 * s]) for s in (0, 1)}
    whole = {str(s): Evaluations([20_000, 250_000], [500.0, 500.0]) for s in range(3)}
    tasks = {"a": TaskRow("", {}, None, short), "b": TaskRow("", {}, None, whole)}
    tasks["c"] = TaskRow("", {}, None, {"0": Evaluations([1, 20_000], [1, 1])})
    (found,) = scoreboard.best_rows([Row("x", [], "", {}, tasks)], ["a", "b", "c", "d"])
    assert found == {
        "entry": "x",
        "a": "250 at 100k, n=2",
        "b": "500 [500, 500], n=3",
        "c": "–",
        "d": "–",
        "seconds": "–",
    }


def test_every_dynamics_of_the_zoo_is_trained_and_what_fails_does_not_stop_the_others(
    scoreboard: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def run(words: list[str], cwd: Path) -> SimpleNamespace:
        asked.append(words[3:])
        return SimpleNamespace(returncode=int(words[4] == "koopman"))

    monkeypatch.setattr(scoreboard.subprocess, "run", run)
    with pytest.raises(SystemExit, match="runs of koopman have failed"):
        scoreboard.train(4)
    assert [words[1] for words in asked] == ["mlp", *sorted({*list_entries("dynamics")} - {"mlp"})]
    long = "bench mlp --tasks cartpole_swingup,walker_walk,finger_spin --seeds 3 --steps 100000 --workers 4"
    assert " ".join(asked[0]) == long
    monkeypatch.setattr(scoreboard.subprocess, "run", lambda words, cwd: SimpleNamespace(returncode=130))
    with pytest.raises(SystemExit, match="130"):
        scoreboard.train(4)


def test_only_rows_of_the_zoo_s_entries_are_kept_and_with_the_command_that_a_user_types(
    scoreboard: ModuleType, tmp_path: Path
) -> None:
    matched = ("dynamics.units=match",)
    own = ("integrator=heun", "dynamics.train_integrator=null", "dynamics.train_substeps=null")
    for name, one in {
        "mlp": row("walker_walk"),
        "mlp-dynamics.units-match": replace(row("walker_walk"), overrides=["dynamics=mlp", *matched]),
        "heun": replace(row("walker_walk"), name="heun", overrides=own),
        "mlp-size-tiny": replace(row("walker_walk"), overrides=["dynamics=mlp", "size=tiny"]),
        "mine": replace(row("walker_walk"), overrides=["dynamics=mine"]),
    }.items():
        (tmp_path / name).mkdir()
        write_row(one, tmp_path / name / "row.json")
    assert [each.command for each in scoreboard.rows_of_bench(tmp_path)] == [
        "wmzoo bench heun",
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

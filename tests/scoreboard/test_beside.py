"""What stands beside an arm, and what is said of it where its settings are no longer today's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from wmzoo.config.composition import compose
from wmzoo.scoreboard import beside
from wmzoo.scoreboard.beside import rows_beside, stale
from wmzoo.scoreboard.files import write_row
from wmzoo.scoreboard.fingerprint import fingerprint
from wmzoo.scoreboard.from_runs import joined
from wmzoo.scoreboard.row import Evaluations, Row, TaskRow

WALK = "walker_walk"


def row(name: str, level: float, *changes: str) -> Row:
    words = ["experiment=standard", f"env={WALK}", f"dynamics={name}", *changes]
    cfg: Any = OmegaConf.to_container(compose(words), resolve=True)
    seeds = {"0": Evaluations([20_000, 250_000], [level, level])}
    tasks = {WALK: TaskRow("", fingerprint(cfg), None, seeds)}
    return joined(Row(name, [f"dynamics={name}"], f"wmzoo bench {name}", {}, tasks))


def test_the_mlp_and_the_best_stand_beside_and_not_the_arm_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {name: row(name, level) for name, level in {"mlp": 500, "flow": 900, "koopman": 700}.items()}
    monkeypatch.setattr(beside, "references", lambda: dict(rows))

    def names(arm: str, tasks: list[str]) -> list[str]:
        return [each.name for each in rows_beside(arm, tasks, tmp_path)]

    assert names("mine", [WALK]) == ["mlp", "flow"] and names("flow", [WALK]) == ["mlp", "koopman"]
    with_koopman = rows_beside("cosine", [WALK], tmp_path, "koopman")  # a loss that it was tried with
    assert [each.name for each in with_koopman] == ["mlp", "koopman", "flow"]
    assert names("mlp", [WALK]) == ["flow"] and names("mine", ["cheetah_run"]) == []
    for folder, again in (("mlp", row("mlp", 950)), ("mlp-size-tiny", row("mlp", 999))):
        (tmp_path / folder).mkdir()
        write_row(again, tmp_path / folder / "row.json")
    found = rows_beside("mine", [WALK], tmp_path)
    assert [each.name for each in found] == ["mlp"]
    assert found[0].tasks[WALK].seeds["0"].returns == [950, 950]  # trained here; not the one of another size


def test_a_reference_of_other_settings_is_said_with_the_keys_and_the_command() -> None:
    assert stale([row("mlp", 1)], [WALK]) == []
    (said,) = stale([row("mlp", 1, "recipe.gamma=0.97")], [WALK])
    assert said == (
        "mlp on walker_walk was made with another recipe (recipe.gamma is 0.97 there and 0.99 here): train it again "
        "with `wmzoo bench mlp`"
    )
    (said,) = stale(
        [row("mlp", 1, *(f"recipe.{key}=0.5" for key in ("gamma", "td_lambda", "actor_lr", "critic_lr")))], [WALK]
    )
    assert said.count(" there and ") == 3 and "and 1 more" in said


def test_a_row_of_a_plugin_that_is_not_loaded_here_is_not_judged() -> None:
    assert stale([replace(row("mlp", 1), overrides=["dynamics=somebody_s"])], [WALK]) == []

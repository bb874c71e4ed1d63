"""`wmzoo parity`: counts that were added up by hand, and a verdict."""

from __future__ import annotations

import json

import pytest

from wmzoo.cli.main import main
from wmzoo.diagnostics.cost import how_to_match

TINY = ["size=tiny", "env=pendulum_swingup", "trainer.horizon=3", "trainer.batch_size=5", "recipe.rollouts=4"]
OBS, ACT, LATENT, WIDTH = 3, 1, 32, 64  # of pendulum and size=tiny


@pytest.fixture(autouse=True)
def measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wmzoo.diagnostics.cost.REPEATS", 1)


def multiply_adds(*widths: int) -> int:
    """Of a fully connected network, per row."""
    return sum(i * o for i, o in zip(widths, widths[1:], strict=False))  # noqa: RUF007 (said as the formula is)


def rows(capsys: pytest.CaptureFixture[str], *words: str, code: int) -> dict[str, dict[str, float]]:
    assert main(["parity", *TINY, *words, "--json"]) == code
    return json.loads(capsys.readouterr().out)["rows"]


@pytest.mark.slow
def test_it_says_yes_and_no(capsys: pytest.CaptureFixture[str]) -> None:
    wide = ["dynamics=flow", "dynamics.condition_on_source=true"]
    wide += ["dynamics.train_integrator=heun", "dynamics.train_substeps=2"]
    found = rows(capsys, *wide, code=1)["parameters: dynamics"]
    assert found["contender"] - found["baseline"] == (LATENT + 1) * WIDTH
    found = rows(capsys, *wide, "dynamics.units=match", code=0)
    assert found["parameters: dynamics"]["contender"] == pytest.approx(
        found["parameters: dynamics"]["baseline"], rel=0.02
    )
    assert found["parameters: encoder"]["contender"] == found["parameters: encoder"]["baseline"]
    assert found["field evaluations per latent step"] == {"contender": 4, "baseline": 1}
    assert all(row["contender"] > 0 for row in found.values())
    rows(capsys, *wide, "--tolerance", "0.5", code=0)


@pytest.mark.parametrize(
    ("dynamics", "said"),
    [
        ({"name": "flow", "units": [64, 64]}, "dynamics.units=match solves for equal capacity"),
        ({"name": "ensemble", "units": "match"}, "it has the nearest widths there are"),
        ({"name": "mine", "hidden": 256}, "mine has no `units` that dynamics.units=match could solve for"),
    ],
)
def test_what_mends_a_difference_is_what_can_be_typed(dynamics: dict[str, object], said: str) -> None:
    assert said in how_to_match(dynamics)


@pytest.mark.slow
def test_the_table_is_printed_with_differences(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["parity", *TINY, "dynamics=mlp"]) == 0
    out = capsys.readouterr().out
    assert "mlp against mlp on pendulum-swingup; widths as configured" in out
    assert "parameters: dynamics" in out and "+0.00%" in out and "ms per model update" in out
    assert main(["parity", "--tolerance", "2"]) == 2
    assert "it is a fraction" in capsys.readouterr().err


def test_several_tasks_are_compared_with_their_embedding(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["env=multitask", "env.set=[pendulum-spin,cup-catch]", *TINY[0:1], *TINY[2:], "dynamics=mlp"]
    assert main(["parity", *words, "--json"]) == 0
    table = json.loads(capsys.readouterr().out)
    assert table["task"] == "pendulum-spin+cup-catch"
    assert table["rows"]["parameters: task_embedding"] == {"contender": 2 * 96, "baseline": 2 * 96}
    actions = 2  # the wider task's
    expected = multiply_adds(LATENT + actions + 96, WIDTH, WIDTH, LATENT)
    expected += multiply_adds(LATENT + actions + 96, WIDTH, WIDTH, 1)
    assert table["rows"]["FLOPs per imagined step"]["contender"] == 2 * expected

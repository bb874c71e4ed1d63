"""The shared checkpoints: each is what its card says."""

from __future__ import annotations

import pytest

import wmzoo
from wmzoo.cli.main import main
from wmzoo.compute.device import arithmetic
from wmzoo.envs.build import build_env
from wmzoo.evaluation.episodes import evaluate
from wmzoo.registry import get, list_entries
from wmzoo.storage.package_data import data_dir

NAMES = list_entries("checkpoint")


def test_every_folder_has_a_card_and_every_card_a_folder() -> None:
    assert sorted(path.name for path in data_dir("checkpoints").iterdir() if path.is_dir()) == NAMES
    assert "cartpole_swingup-mlp" in NAMES and "cartpole_swingup-flow" in NAMES


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name != "cartpole_swingup-flow" else ()) for name in NAMES]
)
def test_it_evaluates_to_what_its_card_says(name: str) -> None:
    """Same states, same policy; other processors round otherwise, so a few percent are allowed."""
    result = get("checkpoint", name).facts["result"]
    agent = wmzoo.load(name)
    with arithmetic(agent.cfg):
        found = evaluate(agent, build_env(agent.cfg, result["episodes"]), result["seed"])
    assert found.mean == pytest.approx(result["mean"], rel=0.05)


@pytest.mark.parametrize("name", NAMES)
def test_its_folder_is_small_and_its_model_card_tells_the_result_and_the_command(name: str) -> None:
    folder = data_dir("checkpoints") / name
    assert {path.name for path in folder.iterdir()} == {"model.safetensors", "config.yaml", "README.md"}
    assert sum(path.stat().st_size for path in folder.iterdir()) < 5e6
    card, text = get("checkpoint", name), (folder / "README.md").read_text(encoding="utf-8")
    assert f"{card.facts['result']['mean']:.1f} ± {card.facts['result']['std']:.1f}" in text
    assert card.reference.startswith("wmzoo train") and f"`{card.reference}`" in text
    assert f'wmzoo.load("{name}")' in text and "| total | " in text and "| torch | " in text
    assert "| licence | MIT |" in text


@pytest.mark.slow
def test_commands_take_the_names_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", NAMES[0], "--episodes", "1", "--seed", "3"]) == 0
    assert main(["list", "checkpoint"]) == 0
    assert NAMES[0] in capsys.readouterr().out


def test_the_folders_that_travel_in_the_wheel_are_those_of_the_catalogue() -> None:
    assert sorted(path.name for path in data_dir("checkpoints").iterdir()) == NAMES

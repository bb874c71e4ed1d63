"""The shared checkpoints: each is what its card says, and nothing else is loaded under its name."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import wmzoo
from wmzoo.checkpoints import find
from wmzoo.checkpoints.find import locate
from wmzoo.cli.main import main
from wmzoo.compute.device import arithmetic
from wmzoo.envs.build import build_env
from wmzoo.errors import WmzooError
from wmzoo.evaluation.episodes import evaluate
from wmzoo.registry import get, list_entries
from wmzoo.storage.package_data import data_dir

NAMES = list_entries("checkpoint")


def test_every_folder_has_a_card_and_every_card_a_folder() -> None:
    assert sorted(path.name for path in data_dir("checkpoints").iterdir() if path.is_dir()) == NAMES
    assert "cartpole_swingup-mlp" in NAMES and "cartpole_swingup-flow" in NAMES


@pytest.mark.parametrize("name", NAMES)
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


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(data_dir("checkpoints") / NAMES[0], tmp_path / NAMES[0])
    monkeypatch.setattr(find, "data_dir", lambda name: tmp_path)
    return tmp_path / NAMES[0]


@pytest.mark.parametrize("file", ["model.safetensors", "config.yaml"])
def test_a_file_with_one_other_bit_or_none_is_refused(copied: Path, file: str) -> None:
    wmzoo.load(NAMES[0])
    content = bytearray((copied / file).read_bytes())
    content[-1] ^= 1
    (copied / file).write_bytes(content)
    with pytest.raises(WmzooError, match=f"{file}: its sha256 is not that of the catalogue"):
        wmzoo.load(NAMES[0])
    (copied / file).unlink()
    with pytest.raises(WmzooError, match=f"{file}: cannot read it"):
        wmzoo.load(NAMES[0])


def test_a_folder_of_that_name_in_the_working_directory_goes_before_the_catalogue(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(copied.parent)
    assert locate(NAMES[0]) == Path(NAMES[0])


def test_an_unknown_name_is_told_those_of_the_catalogue() -> None:
    with pytest.raises(WmzooError, match=f"no such folder; .*{NAMES[0]}"):
        wmzoo.load("cartpole_swingup-transformer")


def test_commands_take_the_names_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", NAMES[0], "--episodes", "1", "--seed", "3"]) == 0
    assert main(["list", "checkpoint"]) == 0
    assert NAMES[0] in capsys.readouterr().out


def test_an_agent_saved_again_keeps_where_it_came_from(tmp_path: Path) -> None:
    agent = wmzoo.load(NAMES[0])
    agent.save(tmp_path / "again", licence="CC0-1.0")
    text = (tmp_path / "again" / "README.md").read_text(encoding="utf-8")
    assert "| licence | CC0-1.0 |" in text and f"`{get('checkpoint', NAMES[0]).reference}`" in text
    assert wmzoo.load(tmp_path / "again").cfg.checkpoint.origin == agent.cfg.checkpoint.origin


def test_a_fresh_agent_has_a_card_without_a_result(tmp_path: Path) -> None:
    agent = wmzoo.build_agent(wmzoo.compose(["size=tiny", "dynamics=flow", "integrator=rk4"]), obs_dim=5, act_dim=1)
    agent.save(tmp_path / "fresh")
    text = (tmp_path / "fresh" / "README.md").read_text(encoding="utf-8")
    assert "`flow` with `rk4` (K=2) on cartpole-swingup" in text and "return" not in text

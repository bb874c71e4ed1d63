"""Bundles are written whole or not at all, and a run keeps its newest."""

import pytest
from omegaconf import OmegaConf
from toy_bundle import CFG, Toy, same, saved

from wmzoo.agent.load import load
from wmzoo.checkpoints import write
from wmzoo.checkpoints.find import list_checkpoints
from wmzoo.checkpoints.write import save_in_run

pytestmark = pytest.mark.usefixtures("toy_builder")


def test_an_agent_saved_again_keeps_how_far_it_was_trained(tmp_path):
    saved(tmp_path / "one", iteration=10, env_steps=640)
    saved(tmp_path / "two", OmegaConf.load(tmp_path / "one" / "config.yaml"))
    assert OmegaConf.load(tmp_path / "two" / "config.yaml").checkpoint.env_steps == 640


def test_a_run_keeps_its_newest_checkpoints_and_loads_the_last(tmp_path):
    agents = [Toy(3, 2, 8) for _ in range(5)]
    for number, agent in enumerate(agents):
        step = {"iteration": 100 * number, "env_steps": 6400 * number}
        save_in_run(tmp_path, agent, CFG, 3, 2, **step, keep=3)
    kept = [path.name for path in list_checkpoints(tmp_path)]
    assert kept == ["00000200", "00000300", "00000400"]
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == kept
    assert same(load(tmp_path), agents[-1])


def test_a_save_that_fails_leaves_neither_a_bundle_nor_rubbish(tmp_path, monkeypatch):
    def full_disk(*args, **kwargs):
        raise OSError("no space left")

    monkeypatch.setattr(write, "write_tensors", full_disk)
    with pytest.raises(OSError, match="no space"):
        saved(tmp_path / "bundle")
    assert not list(tmp_path.iterdir())


def test_saving_over_a_bundle_replaces_it_and_keeps_the_readers_notes(tmp_path):
    saved(tmp_path / "bundle")
    (tmp_path / "bundle" / "README.md").write_text("a card")
    agent = saved(tmp_path / "bundle")
    assert same(load(tmp_path / "bundle"), agent)
    assert (tmp_path / "bundle" / "README.md").read_text() == "a card"


def test_links_in_a_bundle_that_is_replaced_are_neither_followed_nor_written_through(tmp_path):
    saved(tmp_path / "bundle")
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.tex").write_text("years of work")
    (tmp_path / "bundle" / "config.yaml").unlink()
    (tmp_path / "bundle" / "config.yaml").symlink_to(tmp_path / "precious" / "thesis.tex")
    (tmp_path / "bundle" / "mine").symlink_to(tmp_path / "precious")
    agent = saved(tmp_path / "bundle")
    assert same(load(tmp_path / "bundle"), agent) and (tmp_path / "bundle" / "mine").is_symlink()
    assert (tmp_path / "precious" / "thesis.tex").read_text() == "years of work"


@pytest.mark.parametrize("target", ["precious", "gone"])
def test_a_link_in_the_place_of_a_checkpoint_is_replaced_and_what_it_leads_to_stays(tmp_path, target):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.tex").write_text("years of work")
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "00000001").symlink_to(tmp_path / target)
    save_in_run(tmp_path, Toy(3, 2, 8), CFG, 3, 2, iteration=1, env_steps=64)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["00000001"]
    assert not (tmp_path / "checkpoints" / "00000001" / "thesis.tex").exists()
    assert [path.name for path in (tmp_path / "precious").iterdir()] == ["thesis.tex"]

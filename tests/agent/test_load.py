"""Bundles: what is saved comes back bit for bit, and a damaged one is refused in one line."""

import pickle

import pytest
import torch
from omegaconf import OmegaConf
from toy_bundle import CFG, Toy, cut, same, saved

from wmzoo.agent.load import load
from wmzoo.errors import WmzooError

pytestmark = pytest.mark.usefixtures("toy_builder")


def test_what_was_saved_is_loaded_bit_for_bit_ready_for_evaluation(tmp_path):
    agent = saved(tmp_path / "bundle", iteration=10, env_steps=640)
    loaded = load(tmp_path / "bundle")
    assert same(agent, loaded) and not loaded.training
    assert {path.name for path in (tmp_path / "bundle").iterdir()} == {"model.safetensors", "config.yaml"}


def test_a_bundle_that_needs_a_plugin_says_which_and_runs_nothing(tmp_path, monkeypatch):
    def unknown(cfg, obs_dim, act_dim):
        raise WmzooError("unknown dynamics 'mine'")

    saved(tmp_path / "bundle", OmegaConf.create({**CFG, "plugins": ["mine.py"]}))
    monkeypatch.setattr("wmzoo.agent.load.build_agent", unknown)
    with pytest.raises(WmzooError, match=r"unknown dynamics 'mine'.*mine\.py.*--plugin"):
        load(tmp_path / "bundle")


def flip_header(folder):
    (folder / "model.safetensors").write_bytes(b"\xff" * 64)


def pickled(folder):
    torch.save(Toy(3, 2, 8).state_dict(), folder / "model.safetensors")


def edit(folder, old, new):
    """A change of the config, with the line of its sha256 deleted, as the error about it asks."""
    lines = (folder / "config.yaml").read_text().replace(old, new).splitlines()
    (folder / "config.yaml").write_text("\n".join(lines[:-1]) + "\n")


def other_width(folder):
    edit(folder, "latent_dim: 8", "latent_dim: 16")


def changed_by_hand(folder):
    text = (folder / "config.yaml").read_text()
    (folder / "config.yaml").write_text(text.replace("width: 8", "width: 9"))


def no_block(folder):
    (folder / "config.yaml").write_text("model: {latent_dim: 8}\n")


def not_yaml(folder):
    (folder / "config.yaml").write_text("model: [\n")


def a_list(folder):
    (folder / "config.yaml").write_text("- 1\n")


def newer_format(folder):
    text = (folder / "config.yaml").read_text()
    (folder / "config.yaml").write_text(text.replace("format: 1", "format: 2"))


@pytest.mark.parametrize(
    ("damage", "file"),
    [(damage, "model.safetensors") for damage in (cut, flip_header, pickled, other_width)]
    + [(damage, "config.yaml") for damage in (no_block, not_yaml, a_list, newer_format, changed_by_hand)],
)
def test_a_damaged_bundle_is_refused_in_one_line_that_names_the_file(tmp_path, damage, file):
    saved(tmp_path / "bundle")
    damage(tmp_path / "bundle")
    with pytest.raises(WmzooError) as caught:
        load(tmp_path / "bundle")
    assert str(tmp_path / "bundle" / file) in str(caught.value) and "\n" not in str(caught.value)


def test_a_damaged_checkpoint_of_a_run_names_another_one(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    for number in (1, 2):
        saved(tmp_path / "checkpoints" / f"0000000{number}")
    cut(tmp_path / "checkpoints" / "00000002")
    with pytest.raises(WmzooError, match=rf"take another checkpoint of this run, as {tmp_path}/checkpoints/00000001"):
        load(tmp_path)


def test_a_pickle_is_called_one_and_nothing_of_it_is_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "exploded"), "w"))

    saved(tmp_path / "bundle")
    for save_as in (torch.save, lambda bomb, file: file.write_bytes(pickle.dumps(bomb))):
        save_as(Bomb(), tmp_path / "bundle" / "model.safetensors")
        with pytest.raises(WmzooError, match="a pickle, of which nothing was run; wmzoo reads safetensors files"):
            load(tmp_path / "bundle")
    assert not (tmp_path / "exploded").exists()

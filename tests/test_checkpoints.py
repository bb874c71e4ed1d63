"""Bundles: what is saved comes back bit for bit, and a damaged one is refused in one line."""

import pickle

import pytest
import torch
from omegaconf import OmegaConf

from wmzoo.agent.load import load
from wmzoo.checkpoints import write
from wmzoo.checkpoints.config import load_config
from wmzoo.checkpoints.find import list_checkpoints
from wmzoo.checkpoints.weights import load_weights
from wmzoo.checkpoints.write import save, save_in_run
from wmzoo.errors import WmzooError


class Toy(torch.nn.Module):
    def __init__(self, obs_dim, act_dim, units):
        super().__init__()
        self.layer = torch.nn.Linear(obs_dim, units)
        self.head = torch.nn.Linear(units, act_dim)
        self.register_buffer("steps", torch.tensor(5))


CFG = OmegaConf.create({"width": 8, "model": {"latent_dim": "${width}"}})


@pytest.fixture(autouse=True)
def toy_builder(monkeypatch):
    def build_agent(cfg, obs_dim, act_dim):
        return Toy(obs_dim, act_dim, cfg.model.latent_dim)

    monkeypatch.setattr("wmzoo.agent.load.build_agent", build_agent)


def saved(folder, cfg=CFG, **kwargs):
    agent = Toy(3, 2, 8)
    save(folder, agent, cfg, 3, 2, **kwargs)
    return agent


def same(left, right):
    left, right = left.state_dict(), right.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def test_what_was_saved_is_loaded_bit_for_bit_ready_for_evaluation(tmp_path):
    agent = saved(tmp_path / "bundle", iteration=10, env_steps=640)
    loaded = load(tmp_path / "bundle")
    assert same(agent, loaded) and not loaded.training
    assert {path.name for path in (tmp_path / "bundle").iterdir()} == {"model.safetensors", "config.yaml"}


def test_the_config_beside_the_weights_is_resolved_and_tells_dimensions_and_progress(tmp_path):
    saved(tmp_path / "bundle", iteration=10, env_steps=640)
    cfg = OmegaConf.load(tmp_path / "bundle" / "config.yaml")
    assert cfg.model == {"latent_dim": 8}
    assert len(cfg.checkpoint.pop("sha256")) == 64
    assert cfg.checkpoint == {"format": 1, "obs_dim": 3, "act_dim": 2, "iteration": 10, "env_steps": 640}


def test_an_agent_saved_again_keeps_how_far_it_was_trained(tmp_path):
    saved(tmp_path / "one", iteration=10, env_steps=640)
    saved(tmp_path / "two", OmegaConf.load(tmp_path / "one" / "config.yaml"))
    assert OmegaConf.load(tmp_path / "two" / "config.yaml").checkpoint.env_steps == 640


def test_a_bundle_that_needs_a_plugin_says_which_and_runs_nothing(tmp_path, monkeypatch):
    def unknown(cfg, obs_dim, act_dim):
        raise WmzooError("unknown dynamics 'mine'")

    saved(tmp_path / "bundle", OmegaConf.create({**CFG, "plugins": ["mine.py"]}))
    monkeypatch.setattr("wmzoo.agent.load.build_agent", unknown)
    with pytest.raises(WmzooError, match=r"unknown dynamics 'mine'.*mine\.py.*--plugin"):
        load(tmp_path / "bundle")


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


def test_a_half_written_checkpoint_is_passed_over(tmp_path):
    agent = saved(tmp_path / "checkpoints" / "00000001")
    (tmp_path / "checkpoints" / "00000002").mkdir()
    (tmp_path / "checkpoints" / "00000002" / "model.safetensors").write_bytes(b"")
    assert same(load(tmp_path), agent)


def test_saving_over_a_bundle_replaces_it_and_keeps_the_readers_notes(tmp_path):
    saved(tmp_path / "bundle")
    (tmp_path / "bundle" / "README.md").write_text("a card")
    agent = saved(tmp_path / "bundle")
    assert same(load(tmp_path / "bundle"), agent)
    assert (tmp_path / "bundle" / "README.md").read_text() == "a card"


def cut(folder):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-9])


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


@pytest.mark.parametrize("file", ["model.safetensors", "config.yaml"])
def test_no_flipped_bit_goes_unnoticed(tmp_path, file):
    agent = saved(tmp_path / "bundle")
    cfg = OmegaConf.to_container(load_config(tmp_path / "bundle"))
    cfg["checkpoint"].popitem()
    path, content = tmp_path / "bundle" / file, (tmp_path / "bundle" / file).read_bytes()
    for place in range(len(content)):
        flipped = content[place] ^ (1 << place % 8)
        path.write_bytes(content[:place] + bytes([flipped]) + content[place + 1 :])
        try:
            loaded = load(tmp_path / "bundle")
        except WmzooError as error:
            assert str(path) in str(error) and "\n" not in str(error)
        else:
            found = OmegaConf.to_container(load_config(tmp_path / "bundle"))
            found["checkpoint"].popitem()  # the line that notices changes may be the one that has changed
            assert same(agent, loaded) and found == cfg, f"byte {place}"


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


def test_missing_extra_and_mistyped_tensors_are_each_refused(tmp_path):
    from safetensors.torch import save_file

    toy, half = Toy(3, 2, 8), torch.zeros(2).half()
    for name, change, word in [
        ("lack", lambda state: state.pop("head.bias"), "lacks head.bias"),
        ("extra", lambda state: state.update(more=torch.zeros(1)), "unknown more"),
        ("type", lambda state: state.update({"head.bias": half}), r"float16\[2\].*float32\[2\]"),
    ]:
        state = dict(toy.state_dict())
        change(state)
        save_file(state, tmp_path / f"{name}.safetensors")
        with pytest.raises(WmzooError, match=word):
            load_weights(Toy(3, 2, 8), tmp_path / f"{name}.safetensors")


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir()])
def test_a_path_without_a_bundle_says_what_was_expected(tmp_path, make):
    make(tmp_path / "nothing")
    with pytest.raises(WmzooError, match=r"model\.safetensors"):
        load(tmp_path / "nothing")

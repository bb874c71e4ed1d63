"""A bundle from the hub into a folder: weights as they are there, the commit in its config, and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hub_stub import Hub

import wmzoo
from wmzoo.checkpoints.find import SHARED, from_hub
from wmzoo.checkpoints.hub import parse, upload
from wmzoo.checkpoints.pull import pull
from wmzoo.cli.main import main
from wmzoo.errors import DamagedFile, WmzooError
from wmzoo.storage.package_data import data_dir

BUNDLE = data_dir("checkpoints") / "cartpole_swingup-mlp"


def test_only_the_files_of_a_bundle_are_taken_and_the_others_named(
    hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    upload(BUNDLE, SHARED, parse("me/cartpole"))
    others = {"pytorch_model.bin": (b"a pickle", True), "train.py": (b"import os", False)}
    commit = hub.repositories["me/cartpole"].commit("main", "more", others)
    assert main(["pull", "hf:me/cartpole", str(tmp_path / "mine")]) == 0
    told = capsys.readouterr().out
    assert commit in told and "left out: pytorch_model.bin, train.py" in told
    assert {path.name for path in (tmp_path / "mine").iterdir()} == set(SHARED)
    assert not any(path.is_symlink() for path in (tmp_path / "mine").iterdir())
    for name in ("model.safetensors", "README.md"):
        assert (tmp_path / "mine" / name).read_bytes() == (BUNDLE / name).read_bytes()
    assert wmzoo.load(tmp_path / "mine").cfg.checkpoint.origin.hub == f"hf:me/cartpole@{commit}"


def test_a_pulled_bundle_is_replaced_by_a_newer_one_and_a_folder_of_other_things_is_not(
    hub: Hub, tmp_path: Path
) -> None:
    upload(BUNDLE, SHARED, parse("me/cartpole"))
    for _ in range(2):
        pull(parse("me/cartpole"), tmp_path / "mine")
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    with pytest.raises(WmzooError, match="holds more than a shared checkpoint"):
        pull(parse("me/cartpole"), tmp_path / "mine")


def test_a_repository_of_something_else_is_no_checkpoint(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("a: 1\n")
    upload(tmp_path, ("config.yaml",), parse("me/other"))
    with pytest.raises(
        WmzooError, match=r"hf:me/other: no checkpoint of wmzoo: it has not both model\.safetensors and"
    ):
        from_hub(parse("me/other"))


@pytest.mark.parametrize("file", ["model.safetensors", "config.yaml"])
def test_what_was_damaged_before_it_was_pushed_is_refused(hub: Hub, tmp_path: Path, file: str) -> None:
    shutil.copytree(BUNDLE, tmp_path / "bad")
    content = bytearray((tmp_path / "bad" / file).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "bad" / file).write_bytes(content)
    upload(tmp_path / "bad", SHARED, parse("me/bad"))
    with pytest.raises(DamagedFile, match=f"hf:me/bad: .*{file}.*ask whoever pushed it"):
        pull(parse("me/bad"), tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


def test_a_pickle_under_the_name_of_the_weights_is_called_one(hub: Hub, tmp_path: Path) -> None:
    shutil.copytree(BUNDLE, tmp_path / "bad")
    (tmp_path / "bad" / "model.safetensors").write_bytes(b"\x80\x04K\x01.")
    upload(tmp_path / "bad", SHARED, parse("me/bad"))
    with pytest.raises(DamagedFile, match="a pickle, of which nothing was run"):
        wmzoo.load("hf:me/bad")

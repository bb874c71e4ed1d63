"""Where a bundle is found, and what is said where there is none."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from toy_bundle import same, saved

import wmzoo
from wmzoo.agent.load import load
from wmzoo.checkpoints import find
from wmzoo.checkpoints.find import locate
from wmzoo.errors import WmzooError
from wmzoo.registry import list_entries
from wmzoo.storage.package_data import data_dir

NAMES = list_entries("checkpoint")


@pytest.mark.usefixtures("toy_builder")
def test_a_half_written_checkpoint_is_passed_over(tmp_path: Path) -> None:
    agent = saved(tmp_path / "checkpoints" / "00000001")
    (tmp_path / "checkpoints" / "00000002").mkdir()
    (tmp_path / "checkpoints" / "00000002" / "model.safetensors").write_bytes(b"")
    assert same(load(tmp_path), agent)


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir()])
def test_a_path_without_a_bundle_says_what_was_expected(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "nothing")
    with pytest.raises(WmzooError, match=r"model\.safetensors"):
        load(tmp_path / "nothing")


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

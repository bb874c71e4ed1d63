"""What is written never goes through a link."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from wmzoo.errors import WmzooError
from wmzoo.storage import files
from wmzoo.storage.files import checked_name, make_folder, open_to_append, write_bytes


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    (tmp_path / "precious").write_text("precious")
    return tmp_path / "precious"


def test_a_link_in_the_place_of_a_file_is_replaced(tmp_path: Path, precious: Path) -> None:
    (tmp_path / "new").symlink_to(precious)
    write_bytes(tmp_path / "new", b"new")
    assert precious.read_text() == "precious" and (tmp_path / "new").read_bytes() == b"new"
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == stat.S_IMODE(precious.stat().st_mode)


def test_a_link_that_waits_under_the_temporary_name_is_not_written_through(
    tmp_path: Path, precious: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = tmp_path / ".new.1-guessed.tmp"
    waiting.symlink_to(precious)
    monkeypatch.setattr(files, "temporary_name", lambda path: waiting)
    with pytest.raises(FileExistsError):
        write_bytes(tmp_path / "new", b"new")
    assert precious.read_text() == "precious"


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_bytes(tmp_path / "file", b"old")
    monkeypatch.setattr(files.os, "replace", lambda *names: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(OSError):
        write_bytes(tmp_path / "file", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"] and (tmp_path / "file").read_bytes() == b"old"


def test_a_file_that_grows_is_never_a_link(tmp_path: Path, precious: Path) -> None:
    (tmp_path / "log").symlink_to(precious)
    with pytest.raises(OSError):
        open_to_append(tmp_path / "log")
    with open_to_append(tmp_path / "new.log") as log:
        log.write("é")
    assert precious.read_text() == "precious" and (tmp_path / "new.log").read_text("utf-8") == "é"


def test_a_folder_is_made_but_not_through_a_link_below_the_root(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "root").symlink_to(tmp_path / "elsewhere")  # which the user has named
    assert make_folder(tmp_path / "root", "a", "b").is_dir()
    (tmp_path / "elsewhere" / "link").symlink_to(tmp_path)
    with pytest.raises(OSError):
        make_folder(tmp_path / "root", "link", "c")
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "/a", "a\\b", ".hidden", "a\0b", "a\nb", "x" * 101])
def test_a_name_that_would_lead_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(WmzooError, match="the arm .* becomes a folder's name"):
        checked_name(name, "the arm")


@pytest.mark.parametrize("name", ["mlp", "flow, frozen", "K=2", "50% more", "α"])
def test_other_names_are_left_as_they_are(name: str) -> None:
    assert checked_name(name, "the arm") == name

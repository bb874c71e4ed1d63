"""A file has its old content or its new, never a part of it."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from wmzoo.storage.files import file_sha256, write_bytes, write_json, write_text


def test_text_is_utf_8_and_json_is_indented_and_ends_its_line(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "τ = ½")
    assert (tmp_path / "a.txt").read_bytes() == b"\xcf\x84 = \xc2\xbd"
    write_json(tmp_path / "a.json", {"a": [1, None]})
    text = (tmp_path / "a.json").read_text()
    assert json.loads(text) == {"a": [1, None]} and text.startswith('{\n  "a"') and text.endswith("}\n")


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_refused_and_the_old_content_stays(tmp_path: Path, number: float) -> None:
    file = tmp_path / "a.json"
    write_json(file, {"a": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(file, {"a": number})
    assert json.loads(file.read_text()) == {"a": 1} and list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failure_on_the_way_leaves_the_old_content_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    file = tmp_path / "a.txt"
    write_text(file, "old")

    def full_disk(*args: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, step, full_disk)
    with pytest.raises(OSError, match="no space"):
        write_text(file, "new and longer")
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.glob("*.txt")] == ["a.txt"]  # what was begun has a hidden name


def test_whoever_has_the_file_open_goes_on_reading_the_old_content(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    write_text(file, "old")
    with file.open() as opened:
        write_text(file, "new")
        assert opened.read() == "old" and file.read_text() == "new"
    assert list(tmp_path.iterdir()) == [file]


def test_a_digest_is_that_of_the_content(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a", b"abc")
    assert file_sha256(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()

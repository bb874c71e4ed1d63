"""Entries of installed distributions."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import wmzoo
from wmzoo.registry import RegistryError, get, list_entries


def distribution(folder: Path, entry_point: str, code: str = "") -> None:
    """A distribution `theirs 1.2` installed in `folder`."""
    info = folder / "theirs-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(f"[wmzoo.plugins]\n{entry_point}\n")
    (folder / "theirs_module.py").write_text(code)


def test_a_distribution_s_entries_are_listed_without_importing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_registry: None
) -> None:
    distribution(tmp_path, "dynamics.theirs = theirs_module:Mine", "raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    assert "theirs" in list_entries("dynamics")
    assert get("dynamics", "theirs").owner == "theirs 1.2"


def test_a_distribution_s_entry_composes_with_the_defaults_of_its_signature(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_registry: None
) -> None:
    distribution(tmp_path, "dynamics.theirs = theirs_module:Theirs", "class Theirs:\n  def __init__(self, gain=7): ...")
    monkeypatch.syspath_prepend(tmp_path)
    assert wmzoo.compose(["dynamics=theirs"]).dynamics == {"name": "theirs", "gain": 7}
    sys.modules.pop("theirs_module")


@pytest.mark.parametrize("code", ["raise RuntimeError('boom')", "import not_a_module"])
def test_a_distribution_that_cannot_be_imported_is_named_and_stops_only_those_who_use_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_registry: None, caplog: pytest.LogCaptureFixture, code: str
) -> None:
    distribution(tmp_path, "dynamics.theirs = theirs_module:Mine", code)
    monkeypatch.syspath_prepend(tmp_path)
    assert wmzoo.compose(["dynamics=mlp"]).dynamics.name == "mlp"
    assert "dynamics 'theirs' (theirs 1.2) cannot be imported (" in caplog.text
    with pytest.raises(RegistryError, match=r"dynamics 'theirs' \(theirs 1.2\) cannot be imported"):
        wmzoo.build_agent(wmzoo.compose(["dynamics=theirs", "size=tiny"]), 3, 1)


def test_a_distribution_s_entry_of_an_unknown_kind_is_named_and_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_registry: None, caplog: pytest.LogCaptureFixture
) -> None:
    distribution(tmp_path, "dynamic.theirs = theirs_module:Mine")
    monkeypatch.syspath_prepend(tmp_path)
    assert "theirs" not in list_entries("dynamics")
    assert "theirs 1.2: its entry 'dynamic.theirs' is left out: unknown kind 'dynamic'" in caplog.text


def test_a_distribution_cannot_take_the_name_of_a_built_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_registry: None
) -> None:
    distribution(tmp_path, "dynamics.flow = theirs_module:Mine")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RegistryError, match=r"'flow' is taken: theirs 1.2 .* cannot replace wmzoo"):
        list_entries("dynamics")

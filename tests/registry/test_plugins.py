"""Entries from files."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from wmzoo.registry import RegistryError, get, plugins


def test_the_decorator_takes_defaults_from_the_signature_without_what_the_builder_gives(plugin: Path) -> None:
    plugins.load_file(plugin)
    entry = get("dynamics", "mine")
    assert entry.params == {"units": "${model.units}", "gain": 0.5}
    assert entry.summary == "A line about it."
    assert entry.owner == str(plugin)


def test_a_taken_name_is_refused_with_both_owners(plugin: Path) -> None:
    plugin.write_text(plugin.read_text().replace('"mine"', '"flow"'))
    with pytest.raises(RegistryError, match=rf"'flow' is taken: {plugin} .* cannot replace wmzoo \(wmzoo.dynamics"):
        plugins.load_file(plugin)


def test_two_plugins_cannot_share_a_name(plugin: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.py"
    other.write_text(plugin.read_text())
    plugins.load_file(plugin)
    with pytest.raises(RegistryError, match=rf"'mine' is taken: {other} .* cannot replace {plugin}"):
        plugins.load_file(other)


def test_a_plugin_edited_and_loaded_again_replaces_itself(plugin: Path) -> None:
    plugins.load_file(plugin)
    plugin.write_text(plugin.read_text().replace("gain=0.5", "gain=0.75"))
    plugins.load_file(plugin)
    assert get("dynamics", "mine").params["gain"] == 0.75


def test_a_plugin_imported_before_it_is_loaded_replaces_itself(plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(plugin.parent)
    importlib.import_module(plugin.stem)
    plugins.load_file(plugin)
    assert get("dynamics", "mine").owner == str(plugin)
    sys.modules.pop(plugin.stem)


def test_a_plugin_that_does_not_load_is_named_with_the_reason(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("import not_a_module")
    with pytest.raises(RegistryError, match=rf"{broken} does not load: ModuleNotFoundError.*not_a_module"):
        plugins.load_file(broken)
    with pytest.raises(RegistryError, match="no such file"):
        plugins.load_file(tmp_path / "absent.py")


def test_a_loaded_plugin_is_recorded_with_its_hash(plugin: Path) -> None:
    plugins.load_file(plugin)
    import hashlib

    record = {"name": "mine", "path": str(plugin), "sha256": hashlib.sha256(plugin.read_bytes()).hexdigest()}
    assert record in plugins.loaded()

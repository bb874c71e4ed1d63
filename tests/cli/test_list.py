"""`wmzoo list`: every entry of every kind, and whose it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from wmzoo.cli.main import main
from wmzoo.registry import KINDS, list_entries


def test_list_prints_every_entry_of_every_kind(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    words = capsys.readouterr().out.split()
    assert [name for kind in KINDS for name in list_entries(kind) if name not in words] == []
    assert {"cartpole_swingup", "Hopper-v5"} <= set(words)


def test_list_of_one_kind_names_the_owner_of_what_is_not_built_in(
    plugin: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["list", "dynamics", "--plugin", "mine.py"]) == 0
    out = capsys.readouterr().out
    assert "heun" not in out
    (line,) = [line for line in out.splitlines() if "mine" in line]
    assert "Found in a file." in line and str(plugin) in line

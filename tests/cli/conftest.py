"""A plugin file in the working directory."""

from __future__ import annotations

from pathlib import Path

import pytest

PLUGIN = """
import wmzoo

@wmzoo.register("dynamics", "mine")
class Mine:
    '''Found in a file.'''
    def __init__(self, gain=0.5): ...
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_registry: None) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(PLUGIN)
    return tmp_path / "mine.py"

"""A source is one file: what it gives is converted, and nothing else knows of it."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import pytest

from wmzoo.cli.data import sources as offered
from wmzoo.cli.main import main
from wmzoo.data import sources
from wmzoo.data.convert import convert
from wmzoo.data.shards import Shards
from wmzoo.errors import WmzooError

COUNTED = '''
"""Episodes that count: of each length named, one whose rewards are 1, 2, 3 …"""
import numpy as np
from wmzoo.data.episodes import Episodes
from wmzoo.data.shards import Index, TaskIndex, merged
from wmzoo.data.source import Part, Source

class Counted(Source):
    stamps = {}
    notes = ["it counts"]

    def __init__(self, names):
        self.lengths = [int(name) for name in names]
        task = TaskIndex(0, "counting", 2, 1, merged((1, length) for length in self.lengths))
        self.index = Index(2, 1, 1, (task,), tuple({"file": name} for name in names))

    def blocks(self):
        for steps in self.lengths:
            yield [Part(0, [(1, steps)], lambda: [self.counted(steps)])]

    def counted(self, steps):
        obs, action = np.zeros((1, steps + 1, 2), np.float32), np.zeros((1, steps, 1), np.float32)
        return Episodes(obs, action, np.arange(1, steps + 1, dtype=np.float32)[None], np.array([steps == 2]))

def open_source(names, tasks=None):
    return Counted(names)
'''


def test_every_source_is_offered_and_says_what_it_is() -> None:
    found = [module.name for module in pkgutil.iter_modules(sources.__path__)]
    assert sorted(found) == offered() and {"tdmpc2", "minari"} <= set(found)
    for name in found:
        module = importlib.import_module(f"{sources.__name__}.{name}")
        assert module.__doc__ and callable(module.open_source)


def test_one_more_file_is_one_more_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "counted.py").write_text(COUNTED)
    monkeypatch.setattr(sources, "__path__", [*sources.__path__, str(tmp_path / "sources")])
    index = convert(["3", "3", "2"], tmp_path / "dst", kind="counted")
    assert index.tasks[0].episodes == ((2, 3), (1, 2)) and index.tasks[0].terminated == (2,)
    assert caplog.messages == ["it counts"]
    assert Shards(tmp_path / "dst").shards[0].reward.tolist() == [1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 0]


def test_an_unknown_source_is_told_those_that_there_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(WmzooError, match=r"unknown source 'minary': did you mean minari\?"):
        convert(["one-v0"], tmp_path / "dst", kind="minary")
    with pytest.raises(SystemExit):
        main(["data", "convert", "--from", "minary", "one-v0", str(tmp_path / "dst")])
    assert "minari" in capsys.readouterr().err and not (tmp_path / "dst").exists()

"""`wmzoo list`: every entry of every kind, and whose it is."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from wmzoo.cli.main import main
from wmzoo.registry import KINDS, list_entries
from wmzoo.registry.tasks import suites


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


def test_list_tasks_prints_the_tasks_of_every_suite_or_of_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "tasks"]) == 0
    sections = {text.split()[0]: text.splitlines()[1:] for text in capsys.readouterr().out.split("\n\n")}
    shown = {suite: tuple(line.split()[0] for line in lines) for suite, lines in sections.items()}
    assert shown == suites()
    assert main(["list", "tasks", "metaworld"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[0] == "metaworld" and [line.split()[0] for line in lines[1:]] == [*shown["metaworld"]]
    (line,) = [line for line in lines if "door-open" in line]
    assert line.split() == ["door-open", "or", "env=mw_door_open"]


def test_list_tasks_says_what_to_do_about_a_suite_that_is_not_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main(["list", "tasks", "metaworld"]) == 0
    assert capsys.readouterr().out.startswith("metaworld  (not installed: pip install 'wmzoo[metaworld]')\n")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["tasks", "metaword"], "unknown suite of tasks 'metaword': did you mean metaworld?"),
        (["env", "dmc"], "a second word names the suite of tasks: wmzoo list tasks dmc"),
    ],
)
def test_a_second_word_is_a_suite_of_tasks(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", *words]) == 2
    assert says in capsys.readouterr().err

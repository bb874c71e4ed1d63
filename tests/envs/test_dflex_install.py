"""Installing dflex from its archive: what is checked, shown and asked before anything is installed."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from wmzoo.envs import dflex_install
from wmzoo.envs.dflex_install import main
from wmzoo.envs.dflex_package import ARCHIVE

LICENCE = "to be used non-commercially, at home"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return zipped(tmp_path / "DiffRL.zip", "LICENSE.md", "README.md", "dflex/setup.py", "dflex/dflex/__init__.py")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What pip was asked for, and what came after it, in their order."""
    done: list[str] = []

    def pip(command: list[str]) -> subprocess.CompletedProcess[str]:
        assert command[:4] == [sys.executable, "-m", "pip", "install"] and (Path(command[-1]) / "setup.py").exists()
        done.append(Path(command[-1]).name)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(dflex_install, "check_compiler", lambda: None)
    monkeypatch.setattr(dflex_install.subprocess, "run", pip)
    monkeypatch.setattr(dflex_install.dflex_package, "load", lambda: done.append("kernels compiled"))
    monkeypatch.setattr("builtins.input", lambda question: pytest.fail("it asks"))
    return done


def zipped(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name in names:
            file.writestr(f"DiffRL-bb59db5/{name}", LICENCE)
    return path


def test_an_accepted_licence_is_shown_and_dflex_installed_with_its_kernels(
    archive: Path, installed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(archive), "--accept"]) == 0
    assert LICENCE in capsys.readouterr().out and installed == ["dflex", "kernels compiled"]


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("Yes ", 0), ("n", 2), ("", 2)])
def test_who_accepts_the_licence_is_asked_after_it_was_shown(
    answer: str,
    code: int,
    archive: Path,
    installed: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def asked(question: str) -> str:
        assert "accept the licence" in question and LICENCE in capsys.readouterr().out
        return answer

    monkeypatch.setattr("builtins.input", asked)
    assert main([str(archive)]) == code
    assert bool(installed) == (code == 0)


def test_where_nobody_can_answer_nothing_is_installed(
    archive: Path, installed: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nobody(question: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", nobody)
    assert main([str(archive)]) == 2
    assert "ACCEPT=1 for make" in capsys.readouterr().err and installed == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file"),
        ([], "does not hold dflex with its licence"),
        (["LICENSE.md", "README.md"], "does not hold dflex"),
        (["dflex/setup.py"], "with its licence"),
        (b"an error page", "not a zip file"),
    ],
)
def test_an_archive_that_is_none_is_one_line_that_says_where_to_get_it(
    content: Any, said: str, tmp_path: Path, installed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "DiffRL.zip"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        zipped(path, *content)
    assert main([str(path), "--accept"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line and ARCHIVE in line and installed == []


def test_without_an_archive_one_line_says_where_to_get_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert ARCHIVE in line and "make dflex ARCHIVE=FILE" in line


def test_a_compiler_that_is_missing_is_named_before_anything_is_asked(
    archive: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    monkeypatch.setattr(dflex_install.sysconfig, "get_path", lambda name: "/nowhere")
    assert main([str(archive)]) == 2
    told = capsys.readouterr()
    (line,) = told.err.splitlines()
    assert "apt-get install g++" in line and "apt-get install python3-dev" in line and told.out == ""


def test_what_pip_refuses_is_no_success(
    archive: Path, installed: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dflex_install.subprocess, "run", lambda command: subprocess.CompletedProcess(command, 1))
    assert main([str(archive), "--accept"]) == 2
    assert "pip says above why" in capsys.readouterr().err and installed == []

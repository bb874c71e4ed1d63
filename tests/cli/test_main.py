"""The command line from outside: what it prints, its exit codes, and that the light commands are light."""

from __future__ import annotations

import resource
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from wmzoo.cli import show
from wmzoo.cli.main import GROUPS, commands, main
from wmzoo.errors import CheckFailed, RunFailed, RunInterrupted


def cpu_seconds(code: str, *words: str) -> float:
    """Of a Python process, all its imports included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code, *words], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


LIGHT = (
    "import os, sys; os._exit = sys.exit  # by which completion ends\n"
    "from wmzoo.cli.main import main\n"
    "try: main(sys.argv[1:])\n"
    "except SystemExit: pass\n"
    "sys.exit(str(heavy) if (heavy := {'torch', 'hydra', 'numpy', 'mujoco'} & set(sys.modules)) else 0)"
)


@pytest.mark.parametrize("command", [["list"], ["list", "tasks"], ["show", "flow"], ["--help"]])
def test_a_light_command_imports_nothing_heavy_and_takes_under_0_3_s(command: list[str]) -> None:
    is_light(0.3, *command)


@pytest.mark.parametrize("line", ["wmzoo train env=fin", "wmzoo train recipe.", "wmzoo resume runs/"])
def test_so_is_completion_which_takes_under_0_5_s(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {"_ARGCOMPLETE": "1", "_ARGCOMPLETE_STDOUT_FILENAME": str(tmp_path / "out")}
    for name, value in (asked | {"COMP_LINE": line, "COMP_POINT": str(len(line))}).items():
        monkeypatch.setenv(name, value)
    is_light(0.5)
    assert (tmp_path / "out").exists()


def is_light(limit: float, *command: str) -> None:
    """0.3 s are six times what Python takes to read YAML; on a busy machine both take longer."""
    for _ in range(4):
        allowed = max(limit, limit * 20 * cpu_seconds("import argparse, yaml"))
        if cpu_seconds(LIGHT, *command) < allowed:
            return
    raise AssertionError(f"{command} takes more than {allowed:.2f} s each time")


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (CheckFailed("no"), 1, "wmzoo: no\n"),
        (RunFailed("stopped;\nlast checkpoint: x"), 3, "wmzoo: stopped; last checkpoint: x\n"),
        (RunInterrupted("interrupted; last checkpoint: x"), 130, "wmzoo: interrupted; last checkpoint: x\n"),
        (KeyboardInterrupt(), 130, "wmzoo: interrupted\n"),
        (ValueError("odd"), 3, "wmzoo: ValueError: odd (--debug shows the traceback)\n"),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(
    error: BaseException, code: int, says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(args: object) -> int:
        raise error

    monkeypatch.setattr(show, "run", run)
    assert main(["show", "dynamics", "flow"]) == code
    assert capsys.readouterr().err == says
    assert main(["--debug", "show", "dynamics", "flow"]) == code
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("trian seed=1", "unknown command 'trian': did you mean train? there is bench, check,"),
        ("train dynamics flow", "'dynamics' is not KEY=VALUE: type dynamics=NAME\n"),
        ("train koopman", "'koopman' is not KEY=VALUE: type dynamics=koopman\n"),
    ],
)
def test_a_word_in_the_wrong_place_says_how_it_is_typed(
    words: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(words.split())
    except SystemExit as error:
        code = error.code
    assert code == 2 and capsys.readouterr().err.startswith(f"wmzoo: {says}")


def test_an_unknown_name_exits_with_2_and_near_matches(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "dynamics", "flwo"]) == 2
    assert capsys.readouterr().err.startswith("wmzoo: unknown dynamics 'flwo': did you mean flow?")


@pytest.mark.parametrize("argv", [[], ["--help"]])
def test_the_help_has_every_command_once_under_the_heading_of_its_group(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) if argv else nullcontext() as stopped:
        assert main(argv) == 0
    assert not stopped or stopped.value.code == 0
    sections = dict(section.split(":\n", 1) for section in capsys.readouterr().out.split("\n\n")[2:-1])
    assert [*sections] == [*GROUPS] and all(sections.values())
    shown = [(line.split()[0], group) for group, lines in sections.items() for line in lines.splitlines()]
    assert sorted(shown) == [(name, module.GROUP) for name, module in sorted(commands().items())]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--dynamics", "flow"], "dynamics=flow"),
        (["--dynamics=flow"], "dynamics=flow"),
        (["seed=1", "--env.task", "walker-walk", "size=tiny"], "env.task=walker-walk"),
        (["-m", "--recipe.gamma", "size=tiny"], "recipe.gamma=…"),
    ],
)
def test_a_key_typed_as_an_option_is_told_how_it_is_typed(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["train", *words])
    err = capsys.readouterr().err
    assert stopped.value.code == 2 and err.count("\n") == 1
    assert f"; keys are typed without dashes: {says}; `wmzoo --help`" in err


@pytest.mark.parametrize("argv", [["lsit"], ["list", "--nope"], ["train", "--nope"], ["show"], ["list", "--dynamics"]])
def test_bad_usage_exits_with_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(argv)
    assert stopped.value.code == 2 and "without dashes" not in capsys.readouterr().err

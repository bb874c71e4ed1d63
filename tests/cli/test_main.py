"""The command line from outside: what it prints, its exit codes, and that the light commands are light."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from wmzoo.cli import show
from wmzoo.cli.main import main
from wmzoo.errors import CheckFailed, RunFailed, RunInterrupted


def cpu_seconds(code: str, *words: str) -> float:
    """Of a Python process, all its imports included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code, *words], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize("command", [["list"], ["show", "dynamics", "flow"], ["--help"]])
def test_a_light_command_imports_nothing_heavy_and_takes_under_0_3_s(command: list[str]) -> None:
    """0.3 s are six times what Python takes to read YAML; on a busy machine both take longer."""
    code = (
        "import sys; from wmzoo.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "sys.exit(str(heavy) if (heavy := {'torch', 'hydra', 'numpy', 'mujoco'} & set(sys.modules)) else 0)"
    )
    for _ in range(4):
        allowed = max(0.3, 6 * cpu_seconds("import argparse, yaml"))
        if cpu_seconds(code, *command) < allowed:
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


def test_an_unknown_name_exits_with_2_and_near_matches(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "dynamics", "flwo"]) == 2
    assert capsys.readouterr().err.startswith("wmzoo: unknown dynamics 'flwo': did you mean flow?")


@pytest.mark.parametrize("argv", [[], ["lsit"], ["list", "--nope"], ["show", "dynamics"]])
def test_bad_usage_exits_with_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(argv)
    assert stopped.value.code == 2

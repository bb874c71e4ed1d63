"""The command line from outside: what it prints, its exit codes, and that the light commands are light."""

from __future__ import annotations

import math
import resource
import subprocess
import sys

import pytest

from wmzoo.cli import show
from wmzoo.cli.main import main
from wmzoo.errors import CheckFailed, RunFailed, RunInterrupted


@pytest.mark.parametrize("command", [["list"], ["show", "dynamics", "flow"], ["--help"]])
def test_a_light_command_imports_nothing_heavy_and_takes_under_0_3_s(command: list[str]) -> None:
    code = (
        "import sys; from wmzoo.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "sys.exit(str(heavy) if (heavy := {'torch', 'hydra', 'numpy', 'mujoco'} & set(sys.modules)) else 0)"
    )
    seconds = [math.inf]
    while min(seconds) >= 0.3 and len(seconds) < 20:  # in CPU time, of an undisturbed one
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code, *command], check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(seconds) < 0.3


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

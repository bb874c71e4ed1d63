"""`wmzoo convert` prints what came of the file, and refuses in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import foreign
import pytest
import torch

import wmzoo
from wmzoo.cli.main import main


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_command_prints_what_came_of_the_file_and_refuses_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"model": foreign.world_model()}, "x.pt")
    assert main(["convert", "x.pt", "out", "model.bin_range=5"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("TD-MPC2, layout until November 2024: 4 tasks, observations of 5, actions of 3, latents")
    assert wmzoo.load("out").world_model.reward_code.limit == 5
    assert main(["convert", "x.pt", "out"]) == 2 and main(["convert", "x.pt", "two", "model.units=[8]"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2 and "x.pt: does not fit the settings 'model.units=[8]': " in said[1]
    for use, says in (
        (["evaluate", "out"], "out: holds a world model"),
        (
            ["diagnose", "out", "--out", "figures"],
            "out: its config does not say which tasks its numbers are; `wmzoo conv",
        ),
    ):
        assert main(use) == 2
        assert says in capsys.readouterr().err


def test_help_imports_no_torch() -> None:
    code = (
        "import sys; from wmzoo.cli.main import main\n"
        "try: main(['convert', '--help'])\n"
        "finally: assert not {'torch', 'hydra', 'numpy'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "KEY=VALUE" in done.stdout and "running statistics" in done.stdout

"""How long a user waits: for `wmzoo --help`, and for what `wmzoo train` shows first."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from typing import Any

from timing.turns import Figure

WMZOO = [sys.executable, "-m", "wmzoo"]
HELP = "wmzoo --help"
LINES = {  # what the progress of a training that is no terminal's looks like
    "wmzoo train, first progress line": re.compile(r"\| elapsed \d"),
    "wmzoo train, first iteration": re.compile(r"^iteration \d+/\d+"),
}


def startup(turns: int) -> dict[str, Any]:
    """Figures in seconds, turn about. The training is the default one."""
    found: dict[str, list[float]] = {name: [] for name in (HELP, *LINES)}
    help_seconds()  # bytecode and the file cache
    for _ in range(turns):
        found[HELP].append(help_seconds())
        for name, seconds in first_lines().items():
            found[name].append(seconds)
    return {name: vars(Figure.of(seconds)) for name, seconds in found.items()}


def help_seconds() -> float:
    began = time.perf_counter()
    subprocess.run([*WMZOO, "--help"], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def first_lines() -> dict[str, float]:
    """Seconds to the first line of each kind; the run is ended after the last."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        command = [*WMZOO, "train", f"run_dir={folder}/run"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as training:
            assert training.stdout is not None
            try:
                for line in training.stdout:
                    for name, pattern in LINES.items():
                        if name not in found and pattern.search(line):
                            found[name] = time.perf_counter() - began
                    if len(found) == len(LINES):
                        return found
                training.wait()
            finally:
                training.kill()
    raise SystemExit(f"{' '.join(command)}: exit code {training.returncode} before its first iteration")

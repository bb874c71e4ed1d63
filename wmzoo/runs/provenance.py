"""What a run was made with: versions, commit, command line, machine."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from wmzoo.registry import plugins

DISTRIBUTIONS = (
    *("wmzoo", "torch", "numpy", "mujoco", "dm_control", "gymnasium"),
    *("hydra-core", "omegaconf", "safetensors"),
)
OPTIONAL = ("metaworld",)  # of extras: named where they are installed
CPUINFO = Path("/proc/cpuinfo")


def versions() -> dict[str, str | None]:
    """Versions of Python and of the distributions that can change a result; None where not installed."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    found |= {name: _version(name) for name in DISTRIBUTIONS}
    return found | {name: version for name in OPTIONAL if (version := _version(name))}


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def git_commit() -> str | None:
    """Commit of the checkout that wmzoo is imported from (`-dirty` if changed); None for a wheel."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def command() -> str:
    """What was typed."""
    program = Path(sys.argv[0]).name
    return shlex.join(["wmzoo" if program == "__main__.py" else program, *sys.argv[1:]])  # python -m wmzoo


def made() -> dict[str, Any]:
    """Of what a command makes that is no run: the version and what was typed."""
    return {"wmzoo": _version("wmzoo"), "command": command()}


def processor() -> str:
    """Its name, with family and model where Linux tells them: one name stands for processors of different speeds."""
    try:
        lines = CPUINFO.read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    told = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if "model name" not in told:  # as on ARM
        return platform.processor() or platform.machine()
    return f"{told['model name']} (family {told.get('cpu family')}, model {told.get('model')})"


def facts() -> dict[str, Any]:
    """Everything above, with the command line and the machine, as JSON values."""
    import torch  # here, since `wmzoo compare` reads runs without it, and starts in half the time

    return {
        "versions": versions(),
        "commit": git_commit(),
        "plugins": plugins.loaded(),
        "command": command(),
        "platform": platform.platform(),
        "processor": processor(),
        "cpus": os.cpu_count(),
        "threads": torch.get_num_threads(),
    }

"""How much memory something takes."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

import pytest

PROCESS = Path("/proc/self")


def _bytes(name: str) -> int:
    lines = (PROCESS / "status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024


def taken(action: Callable[[], object]) -> int:
    """Bytes that this process has at the action's peak, more than before."""
    try:
        ctypes.CDLL(None).malloc_trim(0)  # what was freed is given back, so that taking it again counts
        (PROCESS / "clear_refs").write_text("5")  # the peak begins anew: proc(5)
    except (AttributeError, OSError):
        pytest.skip("this system does not tell a process's peak of memory")
    before = _bytes("VmRSS")
    action()
    return _bytes("VmHWM") - before

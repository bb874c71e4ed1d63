"""The `dflex` that tests run on: the stand-in beside this file, or the real one where it is installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

from wmzoo.envs import dflex_package

FAKE = Path(__file__).parent / "fake_dflex"
BOTH = ["fake", pytest.param("real", marks=pytest.mark.dflex)]


@contextmanager
def dflex(which: str) -> Iterator[None]:
    """Within it `import dflex` finds the stand-in ("fake") or what is installed ("real")."""
    dflex_package.load.cache_clear()
    kept: dict[str, ModuleType] = {}
    if which == "fake":
        kept = _take_out()
        sys.path.insert(0, str(FAKE))
    try:
        yield
    finally:
        if which == "fake":
            sys.path.remove(str(FAKE))
            _take_out()
            sys.modules.update(kept)  # the real one's kernels can be loaded once in a process
        dflex_package.load.cache_clear()


def _take_out() -> dict[str, ModuleType]:
    """What is imported of dflex, now no longer."""
    names = [name for name in sys.modules if name.partition(".")[0] == "dflex"]
    return {name: sys.modules.pop(name) for name in names}

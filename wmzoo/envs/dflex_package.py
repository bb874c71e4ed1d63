"""Loading the `dflex` package, which its user installs, without the traces that it leaves in a process."""

from __future__ import annotations

import functools
import importlib
import importlib.machinery
import importlib.util
import logging
import os
import sys
import tempfile
import types
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch

from wmzoo.errors import WmzooError, named

ARCHIVE = "https://github.com/imgeorgiev/DiffRL/archive/bb59db5cf65e63740787bf22f91bae3103b30d19.zip"
INSTALL = f'pip install ninja "dflex @ {ARCHIVE}#subdirectory=dflex"'
MISSING = f"dflex, the simulator of the PWM paper, is not installed (its licence: non-commercial use only): {INSTALL}"
COMPILING = "dflex compiles its kernels, once after its installation: this takes a minute or two"
NEEDS = "it needs g++, ninja and a site-packages/dflex/kernels that can be written"
log = logging.getLogger("wmzoo")


@functools.cache
def load() -> types.ModuleType:
    """The package; its first import compiles its kernels.

    WmzooError with the command that installs it where it is missing, or with why it cannot be imported.
    """
    spec = importlib.util.find_spec("dflex")
    if spec is None:
        raise WmzooError(MISSING) from ModuleNotFoundError("dflex")
    if spec.origin and not (Path(spec.origin).parent / "kernels" / "adjoint.gen").exists():
        log.warning(COMPILING)
    with isolated("be imported", NEEDS):
        return importlib.import_module("dflex")


def has_cuda_compiler() -> bool:
    """Whether dflex can compile its kernels for a GPU."""
    from torch.utils import cpp_extension  # imports setuptools, which dflex has then imported already

    return cpp_extension.CUDA_HOME is not None


@contextmanager
def isolated(what: str, hint: str = "") -> Iterator[None]:
    """Within it dflex can be imported and its environments built, and what either does to the process is undone.

    It needs the module `gym` and those that Python and numpy have meanwhile dropped. It puts its own folder first on
    sys.path, changes how numpy prints, draws from torch's global generator and writes to the terminal. WmzooError for
    whatever it raises: dflex cannot `what`.
    """
    path = list(sys.path)
    with ExitStack() as stack:
        stack.enter_context(np.printoptions())
        stack.enter_context(torch.random.fork_rng())
        stack.enter_context(_what_it_expects())
        stack.enter_context(_silence())
        try:
            yield
        except Exception as error:  # a compiler that is missing, a folder that cannot be written …
            reason = named(error)
            raise WmzooError(f"dflex cannot {what} ({reason}){'; ' if hint else ''}{hint}") from error
        finally:
            sys.path[:] = path


@contextmanager
def _what_it_expects() -> Iterator[None]:
    """The modules `gym` and `imp` and the name `np.Inf`, where they are not there."""
    stand_ins = {"gym": gymnasium, "imp": imp()}
    added = [name for name in stand_ins if importlib.util.find_spec(name) is None]
    sys.modules.update({name: stand_ins[name] for name in added})
    infinity = "Inf" not in vars(np)
    if infinity:
        setattr(np, "Inf", np.inf)  # noqa: B010
    try:
        yield
    finally:
        for name in added:
            sys.modules.pop(name, None)
        if infinity:
            delattr(np, "Inf")


def imp() -> types.ModuleType:
    """The two functions of Python's former module `imp` that dflex loads its compiled kernels with."""

    def find_module(name: str, path: list[str]) -> tuple[Any, str, None]:
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is None or spec.origin is None:
            raise ImportError(f"there is no module {name} in {path}")
        return open(spec.origin, "rb"), spec.origin, None

    def load_module(name: str, file: Any, path: str, description: Any) -> types.ModuleType:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None  # find_module has found it
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    module = types.ModuleType("imp")
    vars(module).update(find_module=find_module, load_module=load_module)
    return module


@contextmanager
def _silence() -> Iterator[None]:
    """What Python, the compiler and their warnings write goes nowhere."""
    with tempfile.TemporaryFile("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        kept = {number: os.dup(number) for number in (1, 2)}  # the compiler's are the process's own
        for number in kept:
            os.dup2(nowhere.fileno(), number)
        try:
            yield
        finally:
            for number, copy in kept.items():
                os.dup2(copy, number)
                os.close(copy)

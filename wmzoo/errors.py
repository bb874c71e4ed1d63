"""Errors written for the person who made the mistake: one line that says what, where and what to do."""

from __future__ import annotations

import difflib
import errno
import importlib
from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType


class WmzooError(Exception):
    """A mistake in usage or configuration. The command line prints its one line and exits with `exit_code`."""

    exit_code = 2


class DamagedFile(WmzooError):
    """A file cannot be read, or is not what was written."""


class CheckFailed(WmzooError):
    """A check ran and said no."""

    exit_code = 1


class RunFailed(WmzooError):
    """A run failed after it had begun; the message names the last checkpoint where there is one."""

    exit_code = 3


class RunInterrupted(WmzooError):
    """The user stopped a run; the message names the last checkpoint."""

    exit_code = 130


def one_line(error: BaseException, lines: int | None = 1) -> str:
    """The first lines of what an error says, or all of them, as one; its kind where it says nothing."""
    said = [" ".join(line.split()) for line in str(error).splitlines() if line.strip()]
    return " ".join(said[:lines]) or type(error).__name__


def named(error: BaseException, lines: int | None = 1) -> str:
    """An error's kind, and the first lines of what it says."""
    return f"{type(error).__name__}: {one_line(error, lines)}" if str(error).strip() else type(error).__name__


def about_file(error: OSError) -> str:
    """What the system says about a file, and what to do, in one line."""
    mends = {
        errno.EACCES: "make it writable or readable, or choose another place",
        errno.EROFS: "choose another place",
        errno.ELOOP: "it is a link; remove it",
        errno.ENOTDIR: "choose another place",
        errno.ENOSPC: "free some space, or choose another place",
    }
    told = f"{error.filename}: {error.strerror}" if error.filename and error.strerror else one_line(error)
    return f"{told}; {mends[error.errno]}" if error.errno in mends else told


def unknown(
    what: str,
    name: str,
    there: Iterable[str],
    near: Iterable[str] | Mapping[str, str] | None = None,
    listing: str | None = None,
) -> str:
    """One line for a name that does not exist: what was perhaps meant, and what there is.

    Args:
        there: the names that exist.
        near: what `name` is compared with, where that is not `there`; of a mapping the keys, and its values are shown.
        listing: said in the place of all names.
    """
    there = list(there)
    close = difflib.get_close_matches(name, list(there if near is None else near), n=3, cutoff=0.6)
    matches = [*dict.fromkeys(near[match] if isinstance(near, Mapping) else match for match in close)]
    hint = f" did you mean {' or '.join(matches)}?" if matches else ""
    there_is = f"there is {', '.join(there) or 'none'}"
    return f"unknown {what} '{name}':{hint} {listing or there_is}"


def check_known(key: str, value: str, known: Sequence[str]) -> None:
    """ValueError, as in "loss.tau is uniform or midpoint, not 'half'", unless the value is one of two or more."""
    if value not in known:
        raise ValueError(f"{key} is {', '.join(known[:-1])} or {known[-1]}, not '{value}'")


def require(extra: str, module: str) -> ModuleType:
    """Imports a module of an optional extra, or says how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise WmzooError(f'{extra} is not installed: pip install "wmzoo[{extra}]" ({error})') from error

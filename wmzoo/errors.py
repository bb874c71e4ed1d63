"""Errors written for the person who made the mistake: one line that says what, where and what to do."""

from __future__ import annotations

import errno


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


def one_line(error: BaseException, lines: int = 1) -> str:
    """The first lines of what an error says, as one; its kind where it says nothing."""
    said = [" ".join(line.split()) for line in str(error).splitlines() if line.strip()]
    return " ".join(said[:lines]) or type(error).__name__


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

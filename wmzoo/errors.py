"""Errors written for the person who made the mistake: one line that says what, where and what to do."""

from __future__ import annotations


class WmzooError(Exception):
    """A mistake in usage or configuration. The command line prints its one line and exits with `exit_code`."""

    exit_code = 2


class CheckFailed(WmzooError):
    """A check ran and said no."""

    exit_code = 1


class RunFailed(WmzooError):
    """A run failed after it had begun; the message names the last checkpoint where there is one."""

    exit_code = 3


class RunInterrupted(WmzooError):
    """The user stopped a run; the message names the last checkpoint."""

    exit_code = 130

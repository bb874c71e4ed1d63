"""The one exception a user is meant to read."""


class WmzooError(Exception):
    """An error in what was asked for; its message is one line: what, where, and what to do."""

    exit_code = 2


class RunFailed(WmzooError):
    """A run that was rightly asked for and could not go on: something became non-finite, say."""

    exit_code = 3

"""The error for a task that a suite does not have."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from wmzoo.errors import WmzooError


def no_task(suite: str, module: str, task: str, typed: str, names: Mapping[str, str]) -> WmzooError:
    """With what was perhaps meant. names: what is shown, by its spelling as in `typed`; module: lists all tasks."""
    near = [names[match] for match in difflib.get_close_matches(typed, names, n=3)]
    hint = f"; did you mean {', '.join(near)}?" if near else "."
    return WmzooError(f"{suite} has no task {task!r}{hint} The list: python -m wmzoo.envs.{module}")

"""What several commands ask of their arguments."""

from __future__ import annotations

import argparse

from wmzoo.errors import WmzooError


def at_least(args: argparse.Namespace, **least: int) -> None:
    """WmzooError for an argument that is given and below its least value: `at_least(args, episodes=1)`."""
    for name, low in least.items():
        value = getattr(args, name)
        if value is not None and value < low:
            raise WmzooError(f"--{name} is {value}; it must be {low} or more")

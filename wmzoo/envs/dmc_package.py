"""The package `dm_control`, which from Python 3.13 on its user installs.

Its labmaze has no wheel there, and pip cannot leave a requirement out. The suite never imports labmaze, and whatever
else it imports is among wmzoo's own dependencies.
"""

from __future__ import annotations

from importlib import metadata

from packaging.version import Version

from wmzoo.errors import WmzooError

# What goes with the mujoco of Meta-World, 3.3.0, and with those of today: neither does with the other's.
BEFORE, SINCE = "1.0.28", "1.0.50"


def missing() -> WmzooError:
    """What to raise where it is not installed: the error with the command."""
    version = BEFORE if Version(metadata.version("mujoco")) < Version("3.4") else SINCE
    return WmzooError(
        "dm_control is not installed (from Python 3.13 on, only without labmaze, which it does not need here): "
        f"pip install --no-deps dm_control=={version}"
    )

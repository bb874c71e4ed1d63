"""The commands of runs, as a user would type them."""

from __future__ import annotations


def without_folder(command: str) -> str:
    """Without the folder that the run lay in."""
    return " ".join(word for word in command.split() if not word.startswith("run_dir="))

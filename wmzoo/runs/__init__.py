"""The run folder: what a training run writes, and how it is shown while it runs."""

from wmzoo.runs.folder import Run
from wmzoo.runs.progress import Progress

__all__ = ["Progress", "Run"]

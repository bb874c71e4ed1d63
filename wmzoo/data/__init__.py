"""Where experience is kept."""

from wmzoo.data.replay import ReplayBuffer, Slices

__all__ = ["ReplayBuffer", "Slices"]

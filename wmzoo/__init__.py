"""wmzoo."""

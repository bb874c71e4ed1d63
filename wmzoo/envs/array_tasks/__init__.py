"""Observations and rewards of a task for B rows at once, a file per family of tasks."""

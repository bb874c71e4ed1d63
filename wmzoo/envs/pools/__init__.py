"""Simulators that are stepped together, a file for each way of doing it."""

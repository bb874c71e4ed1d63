"""Curves, aggregates over runs and tasks, and their intervals. Arrays in, arrays out."""

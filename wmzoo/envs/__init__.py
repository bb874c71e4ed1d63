"""Environments: many copies of one task behind a single batched torch interface (base.py).

Nothing is imported here: simulators know no torch, and the processes that step them start without it.
"""

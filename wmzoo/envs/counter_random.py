"""Random numbers of many rows at once, each from a stream of its own, whose whole state is two integers a row."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class CounterRandom:
    """The n-th number of a row is a hash of its key and n: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).

    keys: uint64 [B], of the rows. drawn: int64 [B], how many numbers each has taken.
    """

    def __init__(self, rows: int) -> None:
        self.keys, self.drawn = np.zeros(rows, dtype=np.uint64), np.zeros(rows, dtype=np.int64)

    def seed(self, seed: int) -> None:
        """Start again; row i depends on (seed, i) only, not on how many there are."""
        rows = np.random.SeedSequence(seed).spawn(len(self.keys))
        self.keys = np.array([row.generate_state(1, np.uint64)[0] for row in rows], dtype=np.uint64)
        self.drawn = np.zeros(len(rows), dtype=np.int64)

    def uniform(self, count: int, rows: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
        """[B, count] in [0, 1). Only the rows in the mask, or all, have taken theirs; use no others."""
        number = self.drawn[:, None] + np.arange(1, count + 1)
        self.drawn[slice(None) if rows is None else rows] += count
        mixed = self.keys[:, None] + number.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
        mixed ^= mixed >> np.uint64(31)
        uniform: NDArray[np.float64] = (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53
        return uniform

    def state(self) -> dict[str, NDArray[np.int64]]:
        """keys and drawn, int64 [B] each."""
        return {"keys": self.keys.view(np.int64).copy(), "drawn": self.drawn.copy()}

    def load_state(self, state: dict[str, NDArray[np.int64]]) -> None:
        self.keys, self.drawn = state["keys"].copy().view(np.uint64), state["drawn"].copy()

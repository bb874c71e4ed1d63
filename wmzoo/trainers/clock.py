"""How long a training took, those parts before a resume included."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass
class Clock:
    """wall: seconds that passed. cpu: seconds that processors worked on it, all threads of this process together, which
    other work on the machine does not lengthen; environments in processes of their own are not in it."""

    wall: float = 0.0
    cpu: float = 0.0
    _began: tuple[float, float] = field(default=(0.0, 0.0), init=False)

    def start(self) -> None:
        """Go on from what it shows."""
        self._began = (time.perf_counter() - self.wall, time.process_time() - self.cpu)

    def read(self) -> None:
        """Show what has gone by since."""
        self.wall, self.cpu = time.perf_counter() - self._began[0], time.process_time() - self._began[1]

"""The contract of an array task."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Rows = dict[str, Floats]  # arrays of an mjData or an mjModel, [B, …]


class ArrayTask(ABC):
    """What B rows show and are worth, with the numbers of the suite's own code.

    reads: the arrays of mjData it needs.  drawn: the arrays of mjModel that a reset sets, and that are each row's own;
    the physics must not depend on them.  rollout_from: the number of environments from which mujoco.rollout is the
    faster (benchmarks/results/environments), for a model without constraints but joint limits whose `reads` is qpos and
    qvel; None for one that it cannot step exactly.
    """

    reads: ClassVar[tuple[str, ...]] = ("qpos", "qvel")
    drawn: ClassVar[tuple[str, ...]] = ()
    rollout_from: ClassVar[int | None] = None

    @abstractmethod
    def __init__(self, simulator: Any) -> None:
        """simulator: one of the suite's, from which constants can be taken."""

    @abstractmethod
    def observe(self, now: Rows) -> Floats:
        """Observations [B, O]."""

    @abstractmethod
    def judge(self, before: Rows, now: Rows, actions: Floats) -> tuple[Floats, Bools]:
        """Rewards [B] of one raw control step, and whether the task is over, bool [B].

        actions: [B, A], as the actuators took them.  before: the rows before the step, or none with mujoco.rollout.
        """

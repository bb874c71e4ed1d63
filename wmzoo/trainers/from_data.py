"""What trainers that learn from a data set, without stepping an environment, have in common."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from wmzoo.data.sampler import SliceSampler
from wmzoo.storage.rows import Row
from wmzoo.trainers.base import IterativeTrainer

LEARNED = "episodes to learn from"


class DataTrainer(IterativeTrainer):
    """Slices of `model_horizon` steps, or `horizon` where it is None, are drawn from `data`, `batch_size` at a time."""

    def __init__(
        self,
        *,
        data: SliceSampler,
        horizon: int,
        batch_size: int,
        model_horizon: int | None = None,  # the configs of older versions lack it
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self.data, self.horizon, self.batch_size = data, horizon, batch_size
        self.model_horizon = model_horizon or horizon
        data.check(self.model_horizon, LEARNED)

    def speed(self, steps: int, seconds: float) -> Row:
        return {"iterations_per_second": 1 / seconds}

    def known(self, task: Tensor) -> Tensor | None:
        """task[B] for a model that tells tasks apart, None for one that does not."""
        return None if self.agent.world_model.task_embedding is None else task

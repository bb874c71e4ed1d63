"""What a trainer is, and what it may ask of the outside."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from wmzoo.evaluation import Evaluation

Row = dict[str, Any]


class Recorder(Protocol):
    """Takes what a trainer reports. The trainer knows no file; the recorder knows no algorithm."""

    def preparing(self, what: str, done: int, total: int) -> None:
        """How far something is that comes before the first iteration: `what` says it in words."""

    def log(self, row: Mapping[str, Any]) -> None:
        """One iteration's metrics."""

    def evaluated(self, iteration: int, env_steps: int, evaluation: Evaluation) -> None:
        """The episodes of a periodic evaluation, before the row that has their mean."""

    def checkpoint(self, iteration: int, env_steps: int, state: dict[str, Any]) -> None:
        """A moment worth keeping, with the trainer's `state_dict()` of it."""

    def stop_requested(self) -> bool:
        """Whether to save and return after this iteration."""


class Trainer(ABC):
    """Runs the whole training of one agent; the builder passes its parts as keywords.

    `state_dict()` holds everything that is needed to go on exactly, bit for bit on a CPU, in a trainer built from the
    same config: weights, optimisers, scales, counters, random streams, replay and environments.
    """

    @abstractmethod
    def run(self) -> None:
        """Train to the end, or until the recorder asks to stop: then a checkpoint is the last thing done.

        Raises RunFailed for non-finite numbers unless `on_nonfinite=skip`: the updates only note them, and
        `pwm.nonfinite.settle()`, once an iteration, says so.
        """

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Tensors, numbers, strings, lists and dicts: nothing that needs a pickle."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken."""


def mean(rows: Sequence[Mapping[str, Tensor]]) -> Row:
    """The mean of each column, as numbers; an iteration waits for its device here."""
    if not rows:
        return {}
    table = torch.stack([torch.stack(list(row.values())) for row in rows])
    return dict(zip(rows[0], table.double().mean(0).tolist(), strict=True))

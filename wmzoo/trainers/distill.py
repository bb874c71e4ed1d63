"""Distillation: a dynamics learns from another one, inside the world model that was trained with that."""

from __future__ import annotations

from functools import partial
from typing import Any

from wmzoo.agent.agent import Agent
from wmzoo.diagnostics.open_loop import open_loop
from wmzoo.storage.rows import Row
from wmzoo.trainers.pretrain import DIAGNOSED_SLICES, PretrainTrainer


class DistillTrainer(PretrainTrainer):
    """The student's rollouts learn from the teacher's, z_{t+1} = F_teacher(z_t, a_t) along the data's actions, by the
    dynamics loss. All other parts are the teacher's and stay as they are: a student is worth having for costing less.

    Args:
        teacher: whose dynamics it learns from.
    """

    def __init__(self, *, teacher: Agent, **common: Any) -> None:
        super().__init__(**common)
        self.teacher = teacher.world_model
        model = self.agent.requires_grad_(False).world_model
        model.dynamics.requires_grad_(True)

    def begin(self) -> None:
        """Nothing: moments are the teacher's."""

    def assess(self) -> Row:
        """Errors of the student's predictions and of the teacher's, on the same slices that neither has seen here."""
        drawn = self.held_out.sample(DIAGNOSED_SLICES, self.horizon).to(self.device)
        task = self.known(drawn.task)
        rest = (drawn.slices, partial(self.pwm.scale_reward, task=task), task, self.streams["diagnostics"])
        teacher = open_loop(self.teacher, *rest)
        return open_loop(self.agent.world_model, *rest) | {f"teacher_{name}": each for name, each in teacher.items()}

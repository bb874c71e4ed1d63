"""What every diagnostic looks at: an agent, and real trajectories of its own policy that no training has seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from wmzoo.agent.agent import Agent
from wmzoo.agent.world_model import WorldModel
from wmzoo.data.replay import Slices
from wmzoo.diagnostics.simulator_gradients import SimulatorGradients
from wmzoo.pwm.algorithm import PWM

STARTS = 32  # latents at which Jacobians and paths are taken
Figures = dict[str, Any]


@dataclass(frozen=True)
class Scene:
    """`horizons`, `estimates`, `batch`: as `diagnose` takes them. `states`: observations [·,O] that were met.

    `slices`: runs of steps, as long as the longest horizon and the training's. `draws`: for what is drawn at random.
    `number`: the task of a multi-task agent, None for one task. `simulated`: the environment's own gradients along
    these trajectories, why there are none, or None where they were not asked for.
    """

    agent: Agent
    pwm: PWM
    horizons: Sequence[int]
    estimates: int
    batch: int
    states: Tensor
    slices: Slices
    draws: torch.Generator
    number: int | None
    simulated: SimulatorGradients | str | None = None

    @property
    def model(self) -> WorldModel:
        return self.agent.world_model

    def task(self, count: int) -> Tensor | None:
        """The task of each of `count` columns, int64 [count]; None for one task."""
        return None if self.number is None else torch.full((count,), self.number, device=self.slices.obs.device)

    def starts(self) -> tuple[Tensor, Tensor, Tensor | None]:
        """Latents z[B,D] where STARTS slices begin, the actions [H,B,A] taken from there, and their task [B]."""
        task = self.task(STARTS)
        z = self.model.encode(self.slices.obs[0, :STARTS], task).detach()
        return z, self.slices.actions[:, :STARTS], task

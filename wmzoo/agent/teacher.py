"""A trained agent whose dynamics another one learns from."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from wmzoo.agent.agent import Agent
from wmzoo.agent.load import load
from wmzoo.dynamics.base import Dynamics


class FullSteps(Dynamics):
    """Another dynamics, unrolled by its `forward`: by all sub-steps of its integrator, where its own rollouts take
    fewer."""

    def __init__(self, dynamics: Dynamics) -> None:
        super().__init__()
        self.dynamics = dynamics

    @property
    def nfe(self) -> int:
        return self.dynamics.forward_nfe

    def forward(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None) -> Tensor:
        z_next: Tensor = self.dynamics(z, a, task_emb)
        return z_next


def load_teacher(path: Path | str) -> Agent:
    """The agent of a bundle, as `load` gives it, with a dynamics that takes full steps and learns no more."""
    agent = load(path)
    agent.world_model.dynamics = FullSteps(agent.world_model.dynamics)
    return agent.requires_grad_(False)

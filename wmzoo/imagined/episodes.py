"""Episodes inside a world model, a batch of them at a time: what the environments of this room share."""

from __future__ import annotations

import numpy as np
import torch
from gymnasium.spaces import Box
from torch import Tensor

from wmzoo.agent.agent import Agent
from wmzoo.agent.rewards import in_task_units

Array = np.ndarray


class Episodes:
    """B rows of imagined steps, each of an episode of its own. All chance is drawn from the generator that is given.

    Args:
        starts: first observations [N,O]; an episode begins at one of them, drawn uniformly.
        horizon: steps after which an episode is truncated.
        task: number of the task of a multi-task agent.
    """

    def __init__(self, agent: Agent, starts: Tensor, rows: int, horizon: int, task: int | None = None) -> None:
        self.agent, self.model, self.horizon = agent, agent.world_model, horizon
        weight = next(agent.parameters())
        self.starts = self._encoded(starts.to(weight), task)
        self.task = None if task is None else torch.full((rows,), task, device=weight.device)
        self.z = self.starts[:1].expand(rows, -1)
        self.elapsed = np.zeros(rows, dtype=np.int64)
        within = agent.cfg.dynamics.get("retract") != "none"  # else a latent may leave its simplices
        low, high = (0.0, 1.0) if within else (-np.inf, np.inf)
        self.observation_space = Box(low, high, (self.z.shape[1],), np.float32)
        self.action_space = Box(-1.0, 1.0, (agent.act_dim,), np.float32)

    @torch.no_grad()
    def _encoded(self, starts: Tensor, task: int | None) -> Tensor:
        of = None if task is None else torch.full((len(starts),), task, device=starts.device)
        return self.model.encode(starts, of)

    @property
    def observation(self) -> Array:
        """The latents, float32 [B,D]."""
        seen: Array = self.z.float().cpu().numpy()
        return seen.clip(self.observation_space.low, self.observation_space.high)  # 1 + 1e-7 is rounding

    def begin(self, rows: Array, chance: np.random.Generator) -> None:
        """New episodes in the rows (bool [B])."""
        chosen = torch.from_numpy(chance.integers(len(self.starts), size=int(rows.sum())))
        self.z = self.z.index_put((torch.from_numpy(rows).to(self.z.device),), self.starts[chosen.to(self.z.device)])
        self.elapsed[rows] = 0

    @torch.no_grad()
    def step(self, actions: Array, chance: np.random.Generator) -> tuple[Array, Array, Array]:
        """actions[B,A], clipped to [−1, 1] -> rewards float64 [B] in the task's units, terminated and truncated
        bool [B].

        A stochastic dynamics gives a sample. Where the model predicts ends, one comes with the probability that it
        says; else none does.
        """
        a = torch.from_numpy(np.clip(actions, -1, 1)).to(self.z)
        width, rows = self.model.dynamics.noise_dim, len(self.z)
        noise = torch.from_numpy(chance.standard_normal((rows, width))).to(self.z) if width else None
        self.z, reward = self.model.step(self.z, a, self.task, noise)
        self.elapsed += 1
        terminated = np.zeros(rows, dtype=bool)
        if self.model.termination_head is not None:
            terminated = chance.random(rows) < self.model.end_probability(self.z, self.task).cpu().numpy()
        truncated = (self.elapsed >= self.horizon) & ~terminated
        return in_task_units(self.agent, reward, self.task).double().cpu().numpy(), terminated, truncated

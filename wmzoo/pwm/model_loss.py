"""The world model's loss on slices of experience, as a module: PyTorch's DistributedDataParallel can wrap it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from wmzoo.agent.world_model import WorldModel
from wmzoo.data.replay import Slices
from wmzoo.losses.base import DynamicsLoss, discounted_sum


class ModelLoss(NamedTuple):
    """total = (c_dyn · dynamics + c_rew · reward) / H, with figures of the dynamics loss's own, and what it came from,
    by name, in the order of its making."""

    total: Tensor
    dynamics: Tensor
    reward: Tensor
    figures: Mapping[str, Tensor]
    made_of: Mapping[str, Tensor]


class WorldModelLoss(nn.Module):
    """dynamics = Σ_t γ^t ℓ_t of the dynamics loss; reward = (1/H) Σ_t γ^t of the reward head's error."""

    def __init__(
        self, model: WorldModel, loss: DynamicsLoss, gamma: float, dynamics_coef: float, reward_coef: float
    ) -> None:
        super().__init__()
        self.model, self.loss, self.gamma = model, loss, gamma
        self.dynamics_coef, self.reward_coef = dynamics_coef, reward_coef

    def forward(self, slices: Slices, task: Tensor | None = None) -> ModelLoss:
        """obs[H+1,B,O], actions[H,B,A], rewards[H,B] as the head learns them, task[B] or None; the gradient runs
        through the whole rollout."""
        horizon = len(slices.actions)
        with torch.no_grad():
            targets = self.model.encode(slices.obs[1:], task)
        z0 = self.model.encode(slices.obs[0], task)
        actions = self.model.mask(slices.actions, task)
        zs, dynamics_loss, figures = self.loss.rollout(
            self.model.dynamics, z0, actions, targets, self.gamma, self.model.embed(task)
        )
        errors = self.model.reward_code.error(self.model.reward(zs[:-1], actions, task), slices.rewards)
        reward_loss = discounted_sum(errors, self.gamma) / horizon
        total = (self.dynamics_coef * dynamics_loss + self.reward_coef * reward_loss) / horizon
        made_of = {"observation": slices.obs, "action": actions, "reward": slices.rewards, "latent": zs}
        made_of |= {"target latent": targets, "dynamics loss": dynamics_loss, "reward loss": reward_loss}
        return ModelLoss(total, dynamics_loss, reward_loss, figures, made_of)

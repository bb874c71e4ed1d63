"""The world model's loss on slices of experience, as a module: PyTorch's DistributedDataParallel can wrap it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wmzoo.agent.world_model import END_WEIGHT, WorldModel
from wmzoo.config.recipe import Recipe
from wmzoo.data.replay import Slices
from wmzoo.dynamics.base import Dynamics
from wmzoo.losses.base import DynamicsLoss, discounted_sum


class ModelLoss(NamedTuple):
    """total = (c_dyn · dynamics + c_rew · reward + c_end · termination) / H, with figures of the single losses, what it
    came from, by name, in the order of its making, and, where rows are weighed, how far the latents of each moved,
    moved[B]: the mean of |Δz*|² over its steps and units, without gradient."""

    total: Tensor
    figures: Mapping[str, Tensor]
    made_of: Mapping[str, Tensor]
    moved: Tensor | None


class WorldModelLoss(nn.Module):
    """dynamics = Σ_t γ^t ℓ_t of the dynamics loss; reward = (1/H) Σ_t γ^t of the reward head's error.

    Where chance decides, the head that learns on predicted latents learns more than they tell: the action that was
    taken knows what its policy saw. `recipe.reward_latents=encoded` shows it what the policy saw.

    termination, of a model with such a head: the mean of its cross-entropy at a slice's last step, over the latent
    predicted there and the true one. The steps before the last are in the slice because they ended nothing: to learn
    from them, too, would make ends look rarer than they are.
    """

    def __init__(self, model: WorldModel, loss: DynamicsLoss, recipe: Recipe) -> None:
        super().__init__()
        self.model, self.loss, self.recipe = model, loss, recipe

    def forward(self, slices: Slices, task: Tensor | None = None, weights: Tensor | None = None) -> ModelLoss:
        """obs[H+1,B,O], actions[H,B,A], rewards[H,B] as the head learns them, task[B] or None, weights[B] of the rows
        in the dynamics loss or None; the gradient runs through the whole rollout."""
        horizon, gamma = len(slices.actions), self.recipe.gamma
        with torch.no_grad():
            targets = self.model.encode(slices.obs[1:], task)
        z0 = self.model.encode(slices.obs[0], task)
        actions = self.model.mask(slices.actions, task)
        steps = (self.model.dynamics, z0, actions, targets, gamma, self.model.embed(task))
        zs, dynamics_loss, figures = self.loss.weighed(weights)(*steps)
        seen = zs if self.recipe.reward_latents == "predicted" else torch.cat([z0.unsqueeze(0), targets])
        errors = self.model.reward_code.error(self.model.reward(seen[:-1], actions, task), slices.rewards)
        reward_loss = discounted_sum(errors, gamma) / horizon
        weighted = self.recipe.dynamics_coef * dynamics_loss + self.recipe.reward_coef * reward_loss
        made_of = {"observation": slices.obs, "action": actions, "reward": slices.rewards, "latent": zs}
        made_of |= {"target latent": targets, "dynamics loss": dynamics_loss, "reward loss": reward_loss}
        figures = {"dynamics_loss": dynamics_loss, "reward_loss": reward_loss, **figures}
        figures |= self.model.dynamics.figures()
        if self.model.termination_head is not None and slices.terminated is not None:
            reached = torch.stack([zs[-1], targets[-1]])
            end_loss = end_errors(self.model.end_logit(reached, task), slices.terminated[-1]).mean()
            weighted = weighted + self.recipe.termination_coef * end_loss
            made_of["termination loss"] = figures["termination_loss"] = end_loss
        return ModelLoss(weighted / horizon, figures, made_of, None if weights is None else _moved(z0, targets))


class DistillationLoss(nn.Module):
    """The dynamics loss alone, on rollouts of a teacher in the place of what was seen; the encoder is the teacher's."""

    def __init__(self, model: WorldModel, loss: DynamicsLoss, recipe: Recipe, teacher: Dynamics) -> None:
        super().__init__()
        self.model, self.loss, self.recipe, self.teacher = model, loss, recipe, teacher

    def forward(self, slices: Slices, task: Tensor | None = None, weights: Tensor | None = None) -> ModelLoss:
        """obs[H+1,B,O], of which the first is encoded, and actions[H,B,A]; as WorldModelLoss."""
        actions = self.model.mask(slices.actions, task)
        with torch.no_grad():
            z0, task_emb = self.model.encode(slices.obs[0], task), self.model.embed(task)
            targets = self.teacher.unroll(z0, actions, task_emb)[1:]
        steps = (self.model.dynamics, z0, actions, targets, self.recipe.gamma, task_emb)
        zs, loss, figures = self.loss.weighed(weights)(*steps)
        made_of = {"observation": slices.obs, "action": actions, "target latent": targets, "latent": zs}
        made_of["dynamics loss"] = loss
        figures = {"dynamics_loss": loss, **figures, **self.model.dynamics.figures()}
        total = self.recipe.dynamics_coef * loss / len(actions)
        return ModelLoss(total, figures, made_of, None if weights is None else _moved(z0, targets))


@torch.no_grad()
def _moved(z0: Tensor, targets: Tensor) -> Tensor:
    """z0[B,D], targets[H,B,D] -> the mean of |Δz*|² over steps and units [B]."""
    return torch.cat([z0.unsqueeze(0), targets]).diff(dim=0).square().mean((0, 2))


def end_errors(logit: Tensor, terminated: Tensor) -> Tensor:
    """The cross-entropy of the termination head, elementwise: w·y·softplus(−l) + (1−y)·softplus(l), w = END_WEIGHT."""
    return torch.where(terminated, END_WEIGHT * F.softplus(-logit), F.softplus(logit))

"""How far open-loop predictions stray from what happened, measured against predicting no change."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from wmzoo.data.replay import Slices
from wmzoo.losses.base import unroll
from wmzoo.world_model import WorldModel


@torch.no_grad()
def open_loop(
    model: WorldModel, slices: Slices, scale_reward: Callable[[Tensor], Tensor], task: Tensor | None = None
) -> dict[str, float]:
    """Unroll the model along obs[H+1,B,O], actions[H,B,A], rewards[H,B], without correction on the way.

    Gives `latent_error_first` and `latent_error_last`: Σ‖z_k − E(obs_k)‖² / Σ‖E(obs_k) − E(obs_0)‖² after one step and
    after H, where 1 is as bad as predicting no change; and `reward_r2_last`, the coefficient of determination of the
    decoded rewards at the last step. Rewards are compared as the reward head learns them (`scale_reward`).
    """
    encoded = model.encode(slices.obs, task)
    actions = model.mask(slices.actions, task)
    zs = unroll(model.dynamics, encoded[0], actions, model.embed(task))
    errors = (zs[1:] - encoded[1:]).square().sum((1, 2))
    changes = (encoded[1:] - encoded[0]).square().sum((1, 2))
    relative = errors / changes
    truth = model.reward_code.truth(scale_reward(slices.rewards[-1]))
    predicted = model.reward_code.decode(model.reward(zs[-2], actions[-1], task))
    r2 = 1 - (truth - predicted).square().sum() / (truth - truth.mean()).square().sum()
    return {
        "latent_error_first": relative[0].item(),
        "latent_error_last": relative[-1].item(),
        "reward_r2_last": r2.item(),
    }

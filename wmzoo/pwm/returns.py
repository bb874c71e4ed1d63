"""Formulas of the returns of imagined rollouts, whose environments may end on the way."""

from __future__ import annotations

import torch
from torch import Tensor


def segment_discounts(done: Tensor, gamma: float) -> Tensor:
    """done[H,B] -> γ to the number of steps since the rollout began or its environment was last done, float64[H,B]."""
    discounts = [torch.ones(done.shape[1], device=done.device, dtype=torch.float64)]
    for row in done[:-1]:
        discounts.append(torch.where(row, 1.0, discounts[-1] * gamma))
    return torch.stack(discounts)


def td_lambda_targets(
    rewards: Tensor, next_values: Tensor, done: Tensor, terminated: Tensor, gamma: float, td_lambda: float
) -> Tensor:
    """TD(λ) targets G[H,B] of imagined rollouts; all arguments [H,B].

    G_t = r_t + γ (1 − term_t) · [V_{t+1} if done_t or t = H−1, else (1−λ) V_{t+1} + λ G_{t+1}].
    """
    targets = torch.empty_like(rewards)
    following = next_values[-1]
    for t in reversed(range(len(rewards))):
        mixed = torch.lerp(next_values[t], following, td_lambda)
        ahead = torch.where(done[t], next_values[t], mixed).masked_fill(terminated[t], 0.0)
        following = rewards[t] + gamma * ahead
        targets[t] = following
    return targets

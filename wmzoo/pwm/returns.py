"""Formulas of the returns of imagined rollouts, whose environments may end on the way."""

from __future__ import annotations

import torch
from torch import Tensor


def segment_discounts(done: Tensor, gamma: float, keep: Tensor | None = None) -> Tensor:
    """done[H,B] -> float64[H,B]: the discount of each step, 1 where the rollout begins or its environment was done in
    the step before, else γ times that of the step before; × keep, the probability [H,B] that this one did not end
    it."""
    discounts = [torch.ones(done.shape[1], device=done.device, dtype=torch.float64)]
    for t, row in enumerate(done[:-1]):
        following = discounts[-1] * gamma
        discounts.append(torch.where(row, 1.0, following if keep is None else following * keep[t]))
    return torch.stack(discounts)


def td_lambda_targets(
    rewards: Tensor,
    next_values: Tensor,
    done: Tensor,
    terminated: Tensor,
    gamma: float,
    td_lambda: float,
    keep: Tensor | None = None,
) -> Tensor:
    """TD(λ) targets G[H,B] of imagined rollouts; all tensors [H,B].

    G_t = r_t + γ (1 − term_t) keep_t · [V_{t+1} if done_t or t = H−1, else (1−λ) V_{t+1} + λ G_{t+1}].

    keep: the probability that the step did not end the episode, where an end is predicted; None is 1.
    """
    targets = torch.empty_like(rewards)
    following = next_values[-1]
    for t in reversed(range(len(rewards))):
        mixed = torch.lerp(next_values[t], following, td_lambda)
        ahead = torch.where(done[t], next_values[t], mixed).masked_fill(terminated[t], 0.0)
        following = rewards[t] + gamma * (ahead if keep is None else keep[t] * ahead)
        targets[t] = following
    return targets

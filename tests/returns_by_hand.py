"""Rollouts of one environment, and their returns from the formulas."""

from __future__ import annotations

import torch
from hypothesis import strategies as st
from torch import Tensor

NUMBER = st.floats(-5, 5)
CONTINUES, TERMINATED, TRUNCATED = 0, 1, 2
ENDS = st.sampled_from([CONTINUES, CONTINUES, CONTINUES, TERMINATED, TRUNCATED])


@st.composite
def columns(draw: st.DrawFn) -> tuple[list[float], list[float], list[int]]:
    """Rewards, next values and ends of one environment's rollout."""
    horizon = draw(st.integers(1, 7))
    rows = [draw(st.lists(NUMBER, min_size=horizon, max_size=horizon)) for _ in range(2)]
    return rows[0], rows[1], draw(st.lists(ENDS, min_size=horizon, max_size=horizon))


def column(x: list[float]) -> Tensor:
    return torch.tensor(x, dtype=torch.float64).unsqueeze(1)


def flags(ends: list[int]) -> tuple[Tensor, Tensor]:
    """done and terminated [H,1]."""
    end = torch.tensor(ends).unsqueeze(1)
    return end != CONTINUES, end == TERMINATED


def n_step_return(t: int, n: int, rewards: list[float], values: list[float], ends: list[int], gamma: float) -> float:
    """Σ_{i<n} γ^i r_{t+i} + γ^n V_{t+n}, without the value after a termination."""
    value = 0.0 if ends[t + n - 1] == TERMINATED else values[t + n - 1]
    return sum(gamma**i * rewards[t + i] for i in range(n)) + gamma**n * value


def lambda_return(
    t: int, rewards: list[float], values: list[float], ends: list[int], gamma: float, lam: float
) -> float:
    """The forward view: n-step returns weighted by (1−λ) λ^{n−1}, the rest of the weight on the longest."""
    longest = 1
    while ends[t + longest - 1] == CONTINUES and t + longest < len(rewards):
        longest += 1
    total = lam ** (longest - 1) * n_step_return(t, longest, rewards, values, ends, gamma)
    for n in range(1, longest):
        total += (1 - lam) * lam ** (n - 1) * n_step_return(t, n, rewards, values, ends, gamma)
    return total

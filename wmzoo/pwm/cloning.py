"""Behaviour cloning beside the return, for policies from data (TD3+BC: Fujimoto and Gu, arXiv 2106.06860).

TD3+BC ascends λ Q(s, π(s)) − (π(s) − a)² with λ = α / mean |Q|, by which the two terms keep their proportion whatever
the scale of the rewards. Here the gradient of an imagined return J from s is in the place of that of Q.
"""

from __future__ import annotations

import torch
from torch import Tensor


def cloning_weight(returns: Tensor, alpha: float) -> Tensor:
    """λ = α / mean |J| of imagined returns J[B], without gradient."""
    found = returns.detach().abs().mean()
    return alpha / found.clamp_min(torch.finfo(found.dtype).tiny)


def cloning_loss(chosen: Tensor, taken: Tensor, mask: Tensor | None = None) -> Tensor:
    """The mean square distance of the policy's actions [B,A] from the data's, over the actions that count: those of the
    mask[B,A]."""
    distance = (chosen - taken).square()
    return distance.mean() if mask is None else (distance * mask).sum() / mask.sum()

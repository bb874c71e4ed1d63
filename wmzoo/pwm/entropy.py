"""Maximum-entropy policies: the bonus for an uncertain policy, and the weight that keeps its entropy where it should
be.

Haarnoja et al., arXiv 1812.05905; first-order gradients of it, and the offset by the target, as in SAPO (Xing et al.,
arXiv 2412.12089).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from wmzoo.config.recipe import Recipe

LOG_RANGE = (-9.0, 2.0)  # of the weight


class Entropy:
    """b = α Σ_i (−log π_i − h̄) over the actions i that a task has: the offset keeps α from moving the values of a
    policy whose entropy is h̄ per action.

    Attributes:
        log_coef: log α, float64, on the device of the updates.
    """

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        self.adapted, self.target, self.rate = recipe.entropy == "auto", recipe.entropy_target, recipe.entropy_lr
        self.log_coef = torch.tensor(math.log(recipe.entropy_coef), dtype=torch.float64, device=device)

    def bonus(self, log_density: Tensor, mask: Tensor | None = None) -> Tensor:
        """log π of each action [H,B,A], and a mask [B,A] of those that count -> what is added to the rewards [H,B]."""
        surprise = -log_density - self.target
        return self.log_coef.exp() * (surprise if mask is None else surprise * mask).sum(-1)

    def per_action(self, log_density: Tensor, mask: Tensor | None = None) -> Tensor:
        """The entropy per action, the mean of −log π over all that count: a scalar without gradient."""
        surprise = -log_density.detach().double()
        if mask is None:
            return surprise.mean()
        counted = mask.double().expand_as(surprise)
        return (surprise * counted).sum() / counted.sum()

    @torch.no_grad()
    def adapt(self, entropy: Tensor) -> None:
        """log α ← log α − rate · clip(entropy per action − h̄, ±1), within LOG_RANGE; nothing where it is not finite."""
        if self.adapted:
            moved = self.log_coef - self.rate * (entropy - self.target).clamp(-1, 1)
            self.log_coef = torch.where(entropy.isfinite(), moved.clamp(*LOG_RANGE), self.log_coef)

    def state_dict(self) -> dict[str, Any]:
        return {"log_coef": self.log_coef}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken."""
        self.log_coef = state["log_coef"].to(self.log_coef.device, copy=True)

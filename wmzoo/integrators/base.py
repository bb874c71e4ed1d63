"""What an integrator is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

Field = Callable[[Tensor, Tensor], Tensor]
"""field(z[B,D], tau[B,1]) -> dz/dtau [B,D]."""


class Integrator(ABC):
    """Solves dz/dτ = field(z, τ) from τ = 0 to τ = 1 in uniform sub-steps; an `adaptive` one chooses its own.

    `order` is the order of the global error in the sub-step's length; `nfe(steps)` the exact number of evaluations of
    the field that `integrate(…, steps)` makes, of an adaptive one the most; its `evaluations` are how many it makes.
    """

    order: int
    adaptive = False

    @abstractmethod
    def nfe(self, steps: int) -> int:
        """Field evaluations for `steps` sub-steps."""

    def evaluations(self, field: Field, z: Tensor, steps: int) -> Tensor:
        """How many evaluations `integrate(field, z, steps)` would make of each row of z[B,D] alone, int64 [B]."""
        return torch.full((len(z),), self.nfe(steps), device=z.device)

    @abstractmethod
    def integrate(self, field: Field, z: Tensor, steps: int) -> Tensor:
        """z[B,D] at τ=0 -> z[B,D] at τ=1. Differentiable; ValueError if steps < 1."""

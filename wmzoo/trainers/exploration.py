"""The noise that an agent explores with while it acts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from wmzoo.storage.form import check_form


class ExplorationNoise:
    """ε_t = ρ ε_{t−1} + √(1 − ρ²) ξ_t with ξ_t ~ N(0, I), of each environment and each entry of its actions.

    Every ε_t is standard normal by itself, as a policy expects it, but neighbours agree: ρ = 0 is white noise, which
    averages out in tasks that answer slowly; with more of it a limb goes somewhere before it turns round. First-order
    autoregressive, as the Ornstein-Uhlenbeck process of Lillicrap et al. (arXiv 1509.02971); Eberhard et al. (ICLR
    2023, "Pink noise is all you need") compare colours.

    correlation: ρ, or two of them, of the first environment and of the last. For those between, 1/(1 − ρ), for how many
    steps neighbours agree, grows by equal factors, as the actors of Ape-X explore by different amounts (Horgan et al.,
    arXiv 1803.00933); one alone takes the middle.
    """

    def __init__(
        self, num_envs: int, act_dim: int, correlation: float | Sequence[float], generator: torch.Generator
    ) -> None:
        first, last = (correlation, correlation) if isinstance(correlation, int | float) else correlation
        share = torch.linspace(0, 1, num_envs, dtype=torch.float64) if num_envs > 1 else torch.tensor([0.5]).double()
        rho = (1 - (1 - first) ** (1 - share) * (1 - last) ** share).unsqueeze(1)
        self.rho, self.rest = rho.float(), (1 - rho.square()).sqrt().float()
        self.generator, self.shape = generator, (num_envs, act_dim)
        self.last = torch.randn(self.shape, generator=generator) if rho.any() else None

    def normal(self) -> Tensor:
        """The next ε[B,A]."""
        fresh = torch.randn(self.shape, generator=self.generator)
        if self.last is None:
            return fresh
        self.last = self.rho * self.last + self.rest * fresh
        return self.last

    def uniform(self) -> Tensor:
        """Actions[B,A] uniform in (−1, 1) that are as much alike from step to step: 2 Φ(ε) − 1."""
        if self.last is None:
            return 2 * torch.rand(self.shape, generator=self.generator) - 1
        actions: Tensor = 2 * torch.special.ndtr(self.normal()) - 1
        return actions

    def state_dict(self) -> dict[str, Tensor]:
        """`noise`, the last numbers; empty for white noise, which has no past. The generator is the trainer's."""
        return {} if self.last is None else {"noise": self.last}

    def check_state(self, state: Mapping[str, Any]) -> None:
        """ValueError for a trainer's state whose noise has another form."""
        check_form(state.get("noise"), self.last, "noise")

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from the noise of a trainer's state that has been checked."""
        self.last = None if self.last is None else state["noise"].clone()

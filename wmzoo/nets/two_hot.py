"""How a reward head codes a reward: a scalar, or two-hot bins in symlog space (Hafner et al., arXiv 2301.04104)."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def symlog(x: Tensor) -> Tensor:
    """sign(x)·log(1+|x|)."""
    return x.sign() * x.abs().log1p()


def symexp(x: Tensor) -> Tensor:
    """The inverse of symlog: sign(x)·(exp|x|−1); its slope at 0 is 1, where a reward head starts."""
    return torch.where(x >= 0, x.expm1(), -(-x).expm1())


class RewardCode(nn.Module, ABC):
    """What the `width` raw outputs of a reward head mean."""

    width: int

    @abstractmethod
    def decode(self, raw: Tensor) -> Tensor:
        """raw[..., width] -> reward[...], differentiable."""

    @abstractmethod
    def truth(self, reward: Tensor) -> Tensor:
        """What `decode` should give for reward[...]."""

    @abstractmethod
    def error(self, raw: Tensor, reward: Tensor) -> Tensor:
        """The loss of each prediction: raw[..., width], reward[...] -> [...]."""


class ScalarCode(RewardCode):
    """One output, squared error."""

    width = 1

    def decode(self, raw: Tensor) -> Tensor:
        return raw.squeeze(-1)

    def truth(self, reward: Tensor) -> Tensor:
        return reward

    def error(self, raw: Tensor, reward: Tensor) -> Tensor:
        return (raw.squeeze(-1) - reward).square()


class TwoHotCode(RewardCode):
    """Logits over `width` bins evenly spaced on [−limit, limit] in symlog space; soft cross-entropy.

    The public PWM code subtracts the scalar reward from the logits; the right loss is the cross-entropy against the
    two-hot encoding, which starts near ln(width).

    Args:
        symexp: decode to reward units (TD-MPC2); False leaves the expectation in symlog space (PWM's policy objective).
    """

    centred: Tensor  # the bins in units of their spacing, symmetric about 0: exact in every dtype

    def __init__(self, width: int = 101, limit: float = 10.0, symexp: bool = True) -> None:
        super().__init__()
        if width < 2:
            raise ValueError(f"two-hot needs at least 2 bins, not {width}")
        self.width, self.limit, self.symexp = width, limit, symexp
        self.step = 2 * limit / (width - 1)
        self.register_buffer("centred", torch.arange(width) - (width - 1) / 2, persistent=False)

    def encode(self, reward: Tensor) -> Tensor:
        """reward[...] -> weights[..., width]: two neighbouring bins share 1 so that their mean is symlog(reward)."""
        position = (symlog(reward).clamp(-self.limit, self.limit) + self.limit) / self.step
        low = position.floor().clamp(0, self.width - 2).nan_to_num()  # a NaN reward has NaN weights, and an index
        upper_weight = (position - low).unsqueeze(-1)
        weights = reward.new_zeros(*reward.shape, self.width)
        index = low.long().unsqueeze(-1)
        return weights.scatter(-1, index, 1 - upper_weight).scatter(-1, index + 1, upper_weight)

    def decode(self, raw: Tensor) -> Tensor:
        mean = (raw.softmax(-1) * self.centred).sum(-1) * self.step
        return symexp(mean) if self.symexp else mean

    def truth(self, reward: Tensor) -> Tensor:
        return reward if self.symexp else symlog(reward)

    def error(self, raw: Tensor, reward: Tensor) -> Tensor:
        return -(self.encode(reward) * F.log_softmax(raw, -1)).sum(-1)

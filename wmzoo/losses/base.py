"""What a dynamics loss is."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from inspect import signature
from typing import NamedTuple

import torch
from einops import reduce
from torch import Tensor

from wmzoo.compute.device import send
from wmzoo.compute.distributed import ALONE, World
from wmzoo.dynamics.base import Dynamics

ROUNDING = 1e-6  # 30 · 0.1 is three rows, not four


class LatentRollout(NamedTuple):
    """zs[H+1,B,D] from z0 on, loss Σ_t γ^t ℓ_t (a scalar, not divided by H), and figures for the metrics."""

    zs: Tensor
    loss: Tensor
    metrics: dict[str, Tensor]


class DynamicsLoss(ABC):
    """Unrolls a dynamics from z0 along the actions and scores it against the encoded observations.

    ℓ_t is a mean over batch and latent units for every loss, so that the balance with the reward loss does not shift.
    A loss that needs a capability of the dynamics (`velocity`) says so on its card (`requires`). One that draws random
    numbers takes a `generator` (torch.Generator) in its constructor. `world`, set by the builder, says which part of
    the batch it is shown, where several processes share one: random numbers are drawn for the whole batch, by all
    processes alike. `value`, set by the builder where there are critics, is z[..., D] -> values [E, ...], with a
    gradient by z alone. `fades` says whether the error of a velocity counts by 1 − τ, so that next to nothing is
    learned at τ = 1; `all_times`, what to type so that all times are trained.
    """

    fades = False
    all_times = "loss.tau=uniform"
    world: World = ALONE
    value: Callable[[Tensor], Tensor] | None = None

    generator: torch.Generator | None = None

    def trained_times(self, dynamics: Dynamics) -> tuple[float, ...] | None:
        """The τ at which a velocity of the dynamics is trained; None where that is no matter, or all of [0, 1]."""
        return None

    @torch.compiler.disable  # type: ignore[untyped-decorator]  # a generator draws outside of compiled code
    def drawn(
        self, draw: Callable[..., Tensor], leading: Sequence[int], batch: int, width: int, like: Tensor
    ) -> Tensor:
        """`[*leading, batch, width]` of torch.rand or torch.randn, in the dtype of `like`: drawn in float32 on the
        generator's own device, so that the stream is the same, for the rows of all processes alike."""
        device = self.generator.device if self.generator is not None else like.device
        whole = batch * self.world.size
        numbers = draw((*leading, whole, width), generator=self.generator, device=device)
        return send(numbers[..., self.world.part(whole), :], like.device).to(like)

    def check(self, dynamics: Dynamics) -> None:  # noqa: B027 (most ask for nothing)
        """WmzooError, before anything is trained, where this loss asks for what the dynamics, or the training
        (`value`), does not have, or would leave a part of the dynamics untrained, and no card says so."""

    @property
    def takes_weights(self) -> bool:
        """Whether `rollout` has the parameter `weights`, which only a loss of several tasks needs."""
        return "weights" in signature(self.rollout).parameters

    def weighed(self, weights: Tensor | None) -> Callable[..., LatentRollout]:
        """`rollout` with the rows' weights[B], where there are some."""
        return self.rollout if weights is None else partial(self.rollout, weights=weights)

    @abstractmethod
    def rollout(
        self,
        dynamics: Dynamics,
        z0: Tensor,
        actions: Tensor,
        targets: Tensor,
        discount: float,
        task_emb: Tensor | None = None,
        weights: Tensor | None = None,
    ) -> LatentRollout:
        """z0[B,D] (with gradient), actions[H,B,A], targets[H,B,D] (without gradient), task_emb[B,E] or None.

        weights[B]: by which the errors of each row count; None for 1. Given only where several tasks share a model
        (pwm/task_balance.py): a loss without the parameter is trained with `recipe.task_balance=0`.
        """


def spread(count: int, share: float, device: torch.device | None = None) -> Tensor:
    """Which of `count` rows make up a share of them, rounded up: every second one for ½; int64 [n], n of 0 to count.

    Spread, because batches that are drawn from data are in the data's order; so which are taken needs no draw.
    """
    chosen = torch.arange(math.ceil(count * share - ROUNDING), device=device)
    return (chosen / share).long() if share else chosen


def discounted_sum(errors: Tensor, discount: float, weights: Tensor | None = None) -> Tensor:
    """errors[H, B, …] -> Σ_t discount^t · mean(errors[t]), each row's times its weights[B], if there are any."""
    if weights is not None:
        errors = errors * weights.to(errors).view(-1, *[1] * (errors.dim() - 2))
    per_step = reduce(errors, "step ... -> step", "mean")
    discounts = discount ** torch.arange(len(per_step), device=per_step.device, dtype=per_step.dtype)
    return (discounts * per_step).sum()


def lacking(dynamics: Dynamics, loss: str, capability: str) -> str:
    """What a TypeError says of a dynamics that has not what a loss trains."""
    return f"the {loss} loss needs {capability}, which {type(dynamics).__name__} does not have"

"""An imagined rollout, and what environments that are driven along it answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor


class Feedback(NamedTuple):
    """What an environment driven along a rollout answers: done[B] and terminated[B] (bool, on the CPU, which asks), and
    obs[B,O], where a new episode starts if done."""

    done: Tensor
    terminated: Tensor
    obs: Tensor


Drive = Callable[[Tensor], Feedback]
Restart = Callable[[Tensor, Tensor], Tensor]


class Unrolled(NamedTuple):
    """Policy and model in turn. z[H,B,D] are the latents acted in; z_next[H,B,D] those reached, before any reset;
    rewards [H,B] with gradient; log_density[H,B,A], of each action's entries, where the policy's entropy counts, else
    None; keep[H,B], the probability that the step did not end its episode, where the model predicts it, else None."""

    z: Tensor
    z_next: Tensor
    actions: Tensor
    rewards: Tensor
    log_density: Tensor | None
    keep: Tensor | None


class Imagined(NamedTuple):
    """An imagined rollout, as in `Unrolled`, but with the entropy's bonus in its rewards. done and terminated [H,B] are
    as the environment said (all false without one), on the CPU; with one no end is predicted: keep is None."""

    z: Tensor
    z_next: Tensor
    actions: Tensor
    rewards: Tensor
    done: Tensor
    terminated: Tensor
    log_density: Tensor | None = None
    keep: Tensor | None = None

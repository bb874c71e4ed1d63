"""What a latent dynamics is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from wmzoo.dynamics.coordinates import Coordinates
from wmzoo.integrators.base import Field


class Dynamics(nn.Module, ABC):
    """One latent step: forward(z[B,D], a[B,A], task_emb[B,E] | None) -> z_next[B,D].

    z lies on a product of simplices (SimNorm) and z_next must too, or be brought back on purpose. Rows are independent;
    float64 inputs give float64 outputs. The builder passes `latent_dim`, `action_dim` and `task_dim` (0 without tasks)
    as keywords; everything else is a parameter of the card.
    """

    noise_dim = 0  # normal numbers that a row of one latent step takes: none, but for a StochasticDynamics

    @property
    def nfe(self) -> int:
        """Evaluations of its network per latent step of a training's rollouts: per `rollout_step`."""
        return 1

    @property
    def forward_nfe(self) -> int:
        """The same of `forward`, which may be another way."""
        return self.nfe

    @abstractmethod
    def forward(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None) -> Tensor:
        """The next latent."""

    def figures(self) -> dict[str, Tensor]:
        """What the metrics have of its weights: scalars without gradient, by name."""
        return {}

    def rollout_step(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None, noise: Tensor | None = None) -> Tensor:
        """The next latent in the rollouts in which model and policy train: `forward`, unless there is a cheaper way.

        noise[B,N], N = `noise_dim`, makes it a sample of a StochasticDynamics; others get none.
        """
        z_next: Tensor = self(z, a, task_emb) if noise is None else self(z, a, task_emb, noise=noise)
        return z_next

    def begin(self, z: Tensor, task_emb: Tensor | None = None) -> Any:
        """What a rollout from z[B,D] remembers between its steps: the latent, unless a dynamics needs more."""
        return z

    def advance(
        self, state: Any, a: Tensor, task_emb: Tensor | None = None, noise: Tensor | None = None
    ) -> tuple[Tensor, Any]:
        """The rollout's next latent [B,D] and what it remembers then."""
        z_next = self.rollout_step(state, a, task_emb, noise)
        return z_next, z_next

    def unroll(
        self, z0: Tensor, actions: Tensor, task_emb: Tensor | None = None, noise: Tensor | None = None
    ) -> Tensor:
        """z0[B,D], actions[H,B,A] -> zs[H+1,B,D], from z0 on; with noise[H,B,N] if it is to be a sample.

        Here by `advance`, step by step; one that has a faster way for known actions gives the same by it.
        """
        zs, state = [z0], self.begin(z0, task_emb)
        for step, action in enumerate(actions):
            z_next, state = self.advance(state, action, task_emb, None if noise is None else noise[step])
            zs.append(z_next)
        return torch.stack(zs)


class StochasticDynamics(Dynamics):
    """A dynamics with more than one future. Its sample is a function of z, a and standard normal noise that the caller
    draws, from a stream of its own: rollouts are reproducible and gradients run through them (reparameterised).

    noise_dim: N, numbers per row. Without noise `forward` is `mean_step`, for evaluation and for whoever asks for one
    answer. learns_mean: whether a rollout of `mean_step` trains it, too.
    """

    noise_dim: int
    learns_mean = True

    @abstractmethod
    def sample(self, z: Tensor, a: Tensor, noise: Tensor, task_emb: Tensor | None = None) -> Tensor:
        """One of the next latents [B,D], by noise[B,N]."""

    @abstractmethod
    def mean_step(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None) -> Tensor:
        """The next latent [B,D] that stands for all."""

    def forward(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None, noise: Tensor | None = None) -> Tensor:
        return self.mean_step(z, a, task_emb) if noise is None else self.sample(z, a, noise, task_emb)


class MembersDynamics(StochasticDynamics):
    """A dynamics of several, with the capability `members`: the loss `ensemble` trains each of them."""

    @abstractmethod
    def members(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None) -> Tensor:
        """The next latent by each of M members: [M,B,D]."""


class DensityDynamics(StochasticDynamics):
    """A stochastic dynamics with the capability `density`, which the loss `likelihood` trains."""

    @abstractmethod
    def surprise(self, z: Tensor, a: Tensor, target: Tensor, task_emb: Tensor | None = None) -> Tensor:
        """−log p(target | z, a), by unit, [..., B, ·] of z, a and target[..., B, ·], up to what does not depend on the
        weights: ≥ 0, and 0 for the best that this dynamics can say of a target that is certain."""


class NoiseVelocityDynamics(StochasticDynamics):
    """A stochastic dynamics with the capability `noise_velocity`, which the loss `noise_flow` trains: a flow from noise
    x_0 ~ N(0, I) to the scaled change of the chart, x_1 = (y(z′) − y(z) − m)/σ.

    scale: σ. substeps: in which a sample takes the way from 0 to 1. least_rest: as in VelocityDynamics. Leading
    dimensions are [B] or [H,B].
    """

    least_rest: float | None = None
    coordinates: Coordinates
    scale: float
    substeps: int

    @abstractmethod
    def centre(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None) -> Tensor:
        """m[..., B, D] in the chart: the change around which noise is spread."""

    @abstractmethod
    def noise_field(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None) -> Field:
        """(x[..., B, D], tau[..., B, 1]) -> dx/dτ [..., B, D], of one latent step from z under a."""


class VelocityDynamics(Dynamics):
    """A dynamics that flows: it has the capability `velocity`, which the loss `rectified_flow` trains.

    `coordinates` says where the straight paths run (see `Coordinates`). The builder also passes `integrator`.
    `least_rest` is of a dynamics that predicts where a path ends, whose velocity is the way there divided by what is
    left, 1 − τ: by so much at least, since errors of the way are multiplied as well. None for all others.
    """

    least_rest: float | None = None
    coordinates: Coordinates

    @abstractmethod
    def velocity(
        self, z: Tensor, a: Tensor, tau: Tensor, task_emb: Tensor | None = None, *, source: Tensor | None = None
    ) -> Tensor:
        """Velocity at the path's point z[B,D] and time tau[B,1], in the chart of `coordinates`: [B,D].

        source[B,D] is the latent the path started from, for fields conditioned on it; the others ignore it.
        """

    def field(self, source: Tensor | None, a: Tensor, task_emb: Tensor | None = None) -> Field:
        """`velocity` on the paths from source[B,D], as a function (z[B,D], tau[B,1]) -> [B,D] of place and time: what
        does not change along them is computed once."""

        def field(z: Tensor, tau: Tensor) -> Tensor:
            return self.velocity(z, a, tau, task_emb, source=source)

        return field


class AverageVelocityDynamics(Dynamics):
    """A dynamics that jumps: it has the capability `average_velocity`, which `mean_flow` and `shortcut` train."""

    coordinates: Coordinates

    @abstractmethod
    def average_velocity(
        self, z: Tensor, a: Tensor, start: Tensor, end: Tensor, task_emb: Tensor | None = None
    ) -> Tensor:
        """u[B,D] in the chart of `coordinates`, such that the path that is at z[B,D] at the time start[B,1] is at
        y + (end − start) u at the time end[B,1]; the velocity there where both are equal."""


def join(*parts: Tensor | None) -> list[Tensor]:
    """The inputs that are there, in order."""
    return [part for part in parts if part is not None]

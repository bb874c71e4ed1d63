"""What the losses of flows share: which paths they look at, and how an error of the field counts."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import torch
from einops import rearrange, repeat
from torch import Tensor

from wmzoo.dynamics.base import Dynamics
from wmzoo.dynamics.coordinates import Coordinates
from wmzoo.errors import check_known
from wmzoo.losses.base import ROUNDING, DynamicsLoss, LatentRollout, discounted_sum, spread

GOLDEN = (math.sqrt(5) - 1) / 2
METRICS = ("path", "end", "landed")


class Paths(NamedTuple):
    """Straight paths y_τ = (1−τ) y_s + τ y*, one per row [N = H·S·R] of S times and R chosen columns of the batch.

    source[N,D] and target[N,D] are the latents z_s and z* at their ends, start and end these in the chart; action[N,A];
    tau[N,1]; task_emb[N,E] or None. second[N,1]: another number of [0, 1) per row, for losses that draw two.
    """

    source: Tensor
    target: Tensor
    start: Tensor
    end: Tensor
    action: Tensor
    tau: Tensor
    task_emb: Tensor | None
    second: Tensor | None = None

    def at(self, tau: Tensor) -> Tensor:
        """y_τ [N,D]."""
        return torch.lerp(self.start, self.end, tau)


class PathLoss(DynamicsLoss):
    """ℓ_t = w_r · mean (z_{t+1} − z*)² + w_p · mean e², of a rollout and of a field on straight paths, where z* is the
    encoded observation and e the error of `errors`, a change of z. Both are means over rows and latent units.

    The paths are looked at over a finished rollout, all in one batch.

    Args:
        metric: how an error δ of the field on the path from y_s to y* counts as a change of z. With J the differential
            of the chart's way back y ↦ z: `path`, J(z_τ) δ; `end`, J(z*) δ, which is right to first order for where
            the path ends; `landed`, S(y* + (1−τ) δ) − z*, of where it would land from y_τ, S the way back (of an
            average velocity: see AverageVelocityLoss).
        rollout_weight, path_weight: w_r and w_p.
        tau: `uniform` in [0, 1] per row, or `midpoint`, ½ for all: the field is then trained at one time, and
            integrators that evaluate it elsewhere extrapolate.
        tau_zero: share of the rows at τ = 0 instead, in expectation.
        encoded: share of the paths that start from the encoded observation; the others do from the rollout's latent.
        detached: share of these others through whose start no gradient runs.
        rows: share of the batch whose paths are looked at.
        samples: times per path, one in each of as many equal parts of [0, 1].
        source, source_grad: what older configs say in the place of `encoded` and `detached`.
    """

    draws_two = False

    def __init__(
        self,
        metric: str = "path",
        rollout_weight: float = 0.0,
        path_weight: float = 1.0,
        tau: str = "uniform",
        tau_zero: float = 0.0,
        encoded: float = 0.0,
        detached: float = 0.0,
        rows: float = 1.0,
        samples: int = 1,
        source: str = "predicted",
        source_grad: bool = True,
        generator: torch.Generator | None = None,
    ) -> None:
        check_known("loss.metric", metric, METRICS)
        check_known("loss.tau", tau, ("uniform", "midpoint"))
        check_known("loss.source", source, ("predicted", "encoded"))
        for name, part in {"tau_zero": tau_zero, "encoded": encoded, "detached": detached, "rows": rows}.items():
            share(name, part)
        if not rows:
            raise ValueError("loss.rows is a share above 0")
        if min(rollout_weight, path_weight) < 0 or not rollout_weight + path_weight > 0:
            raise ValueError("loss.rollout_weight and path_weight are 0 or more, and not both 0")
        if samples < 1 or (tau == "midpoint" and samples > 1):
            raise ValueError(f"loss.samples is 1 or more, and 1 with loss.tau=midpoint, not {samples}")
        self.metric, self.tau, self.tau_zero, self.samples = metric, tau, tau_zero, samples
        self.rollout_weight, self.path_weight, self.rows = rollout_weight, path_weight, rows
        self.encoded = 1.0 if source == "encoded" else encoded
        self.detached = detached if source_grad else 1.0
        self.generator, self.fades = generator, metric == "landed"

    def trained_times(self, dynamics: Dynamics) -> tuple[float, ...] | None:
        if self.tau == "midpoint" or self.tau_zero == 1:
            return (0.0,) * (self.tau_zero > 0) + (0.5,) * (self.tau == "midpoint" and self.tau_zero < 1)
        return None

    @abstractmethod
    def errors(self, dynamics: Dynamics, paths: Paths) -> Tensor:
        """The errors [N,D] of the dynamics on these paths, as changes of z."""

    @abstractmethod
    def chart(self, dynamics: Dynamics) -> Coordinates:
        """In which chart paths are straight; TypeError for a dynamics that has not what the loss trains."""

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
        chart = self.chart(dynamics)
        zs = dynamics.unroll(z0, actions, task_emb)
        loss = targets.new_zeros(())
        if self.rollout_weight:
            loss = loss + self.rollout_weight * discounted_sum((zs[1:] - targets).square(), discount, weights)
        if self.path_weight:
            chosen = slice(None) if self.rows == 1 else spread(actions.shape[1], self.rows, targets.device)
            errors = self.errors(dynamics, self._paths(chart, zs[:-1], targets, actions, task_emb, chosen))
            by_step = rearrange(errors.square(), "(step row) latent -> step row latent", step=len(actions))
            if weights is not None:
                weights = weights[chosen].repeat(self.samples)
            loss = loss + self.path_weight * discounted_sum(by_step, discount, weights)
        return LatentRollout(zs, loss, {})

    def measured(self, chart: Coordinates, paths: Paths, place: Tensor, rest: Tensor, delta: Tensor) -> Tensor:
        """The change of z [N,D] that the error delta[N,D] of a velocity makes, at the latent place[N,D] of the path,
        which it follows for the time rest[N,1]."""
        if self.metric == "landed":
            return chart.land(paths.end + rest * delta) - paths.target
        return chart.induced(place if self.metric == "path" else paths.target, delta)

    def _paths(
        self,
        chart: Coordinates,
        predicted: Tensor,
        targets: Tensor,
        actions: Tensor,
        task_emb: Tensor | None,
        chosen: Tensor | slice,
    ) -> Paths:
        """From the rollout's latents predicted[H,B,D], of which the first is encoded, to targets[H,B,D], of the chosen
        rows."""
        steps, batch = actions.shape[:2]
        predicted, targets, actions = predicted[:, chosen], targets[:, chosen], actions[:, chosen]
        whole = batch * self.world.size
        number = torch.arange(whole, device=targets.device)[self.world.part(whole)][chosen]

        def each(x: Tensor) -> Tensor:
            """x[H,R,W] for every sample, too: [H·S·R,W]."""
            return repeat(x, "step row width -> (step sample row) width", sample=self.samples)

        def uniform() -> Tensor:
            """[H,S,R,1] in [0, 1): drawn for all rows, so that the numbers do not depend on which are chosen."""
            drawn: Tensor = self.drawn(torch.rand, (steps, self.samples), batch, 1, targets)
            return drawn[:, :, chosen]

        source, target = each(self._sources(predicted, targets, number)), each(targets)
        embedded = None if task_emb is None else each(task_emb[chosen].expand(steps, -1, -1))
        by_row = "step sample row 1 -> (step sample row) 1"
        tau = rearrange(self._times(uniform), by_row)
        second = rearrange(uniform(), by_row) if self.draws_two else None
        ends = chart.chart(source), chart.chart(target)
        return Paths(source, target, *ends, each(actions), tau, embedded, second)

    def _sources(self, predicted: Tensor, targets: Tensor, number: Tensor) -> Tensor:
        """[H,R,D] of rows that are number[R] of all processes': multiples of the golden ratio, which fill [0, 1)
        evenly, say of which share a row is."""
        place, sources = (number * GOLDEN).frac().unsqueeze(1), predicted
        if self.detached:
            cut = place < self.encoded + (1 - self.encoded) * self.detached
            sources = torch.where(cut, predicted.detach(), predicted)
        if self.encoded:
            sources = torch.where(place < self.encoded, torch.cat([predicted[:1], targets[:-1]]), sources)
        return sources

    def _times(self, uniform: Callable[[], Tensor]) -> Tensor:
        """τ[H,S,R,1], a sample in each S-th of [0, 1], from uniform numbers of that shape."""
        drawn = uniform()
        if self.tau == "midpoint" and not self.tau_zero:
            return torch.full_like(drawn, 0.5)
        part = rearrange(torch.arange(self.samples, device=drawn.device), "sample -> sample 1 1")
        tau = (drawn + part) / self.samples
        if not self.tau_zero:
            return tau
        later = torch.full_like(tau, 0.5)
        if self.tau == "uniform":
            later = (tau - self.tau_zero) / max(1 - self.tau_zero, ROUNDING)
        return torch.where(tau < self.tau_zero, 0.0, later)


def share(name: str, value: float) -> float:
    """The value; ValueError unless it is a share of something, from 0 to 1."""
    if not 0 <= value <= 1:
        raise ValueError(f"loss.{name} is a share from 0 to 1, not {value}")
    return value

"""The loss of flows from noise: conditional flow matching (Lipman et al., arXiv 2210.02747) of the next latent."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from wmzoo.dynamics.base import Dynamics, NoiseVelocityDynamics
from wmzoo.errors import WmzooError, check_known
from wmzoo.losses.base import lacking
from wmzoo.losses.chance import ChanceLoss


class NoiseFlowLoss(ChanceLoss):
    """On the straight path x_τ = (1−τ) x_0 + τ x_1 from noise x_0 ~ N(0, I) to x_1 = (y* − y(e_t) − m)/σ, where m is
    the dynamics' centre without gradient and σ its scale, e² counts, a change of z:

        metric=start    e = J(e_t) σ (v(x_τ, τ) − (x_1 − x_0))
        metric=landed   e = S(y(e_t) + m + σ (x_τ + (1−τ) v(x_τ, τ))) − z*

    S is the chart's way back to latents, J its differential: the second is where the field would land from x_τ. Of
    single steps from observations, beside a rollout of the mean: see ChanceLoss.

    Args:
        times: τ is `uniform` in [0, 1], or one of those at which `steps` sub-steps start, k/K, equally often.
        parameters: as in ChanceLoss.
    """

    all_times = "loss.times=uniform"

    def __init__(self, metric: str = "start", times: str = "uniform", **parameters: Any) -> None:
        super().__init__(**parameters)
        check_known("loss.metric", metric, ("start", "landed"))
        check_known("loss.times", times, ("uniform", "steps"))
        self.metric, self.times, self.fades = metric, times, metric == "landed"

    def check(self, dynamics: Dynamics) -> None:
        if self.capable(dynamics).learns_mean and not self.rollout_weight:
            raise WmzooError(
                "the mean of a noise flow learns by its rollout: loss.rollout_weight is above 0 or dynamics.mean=false"
            )

    def trained_times(self, dynamics: Dynamics) -> tuple[float, ...] | None:
        if self.times == "uniform":
            return None
        steps = self.capable(dynamics).substeps
        return tuple(step / steps for step in range(steps))

    def errors(self, dynamics: Dynamics, z: Tensor, a: Tensor, target: Tensor, task_emb: Tensor | None) -> Tensor:
        flow = self.capable(dynamics)
        chart, scale = flow.coordinates, flow.scale
        base = chart.chart(z) + flow.centre(z, a, task_emb).detach()
        end = (chart.chart(target) - base) / scale
        steps, batch = z.shape[:2]
        start = self.drawn(torch.randn, (steps,), batch, flow.noise_dim, z)
        tau = self.drawn(torch.rand, (steps,), batch, 1, z)
        if self.times == "steps":
            tau = (tau * flow.substeps).floor() / flow.substeps
        x = start + tau * (end - start)
        velocity = flow.noise_field(z, a, task_emb)(x, tau)
        if self.metric == "landed":
            return (chart.land(base + scale * (x + (1 - tau) * velocity)) - target).square()
        return chart.induced(z, scale * (velocity - (end - start))).square()

    def capable(self, dynamics: Dynamics) -> NoiseVelocityDynamics:
        """The dynamics; TypeError for one without the capability."""
        if not isinstance(dynamics, NoiseVelocityDynamics):
            raise TypeError(lacking(dynamics, "noise-flow", "noise_velocity"))
        return dynamics

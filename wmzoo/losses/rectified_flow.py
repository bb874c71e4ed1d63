"""The rectified-flow loss (Liu et al., arXiv 2209.03003) on the straight paths between consecutive latents."""

from __future__ import annotations

from torch import Tensor

from wmzoo.dynamics.base import Dynamics, VelocityDynamics
from wmzoo.dynamics.coordinates import Coordinates
from wmzoo.losses.base import lacking
from wmzoo.losses.paths import PathLoss, Paths


class RectifiedFlowLoss(PathLoss):
    """The error of the velocity: δ = v(z_τ, a_t, τ) − (y* − y_s), on paths and in a metric as PathLoss has them.

    With `metric=path`, no weight on the rollout and predicted sources it is the plain loss on a flow's own rollout; why
    that underfits is in docs/method.md.
    """

    def chart(self, dynamics: Dynamics) -> Coordinates:
        return _with_velocity(dynamics).coordinates

    def errors(self, dynamics: Dynamics, paths: Paths) -> Tensor:
        flow = _with_velocity(dynamics)
        place = flow.coordinates.point(paths.at(paths.tau))
        velocity = flow.velocity(place, paths.action, paths.tau, paths.task_emb, source=paths.source)
        delta = velocity - (paths.end - paths.start)
        return self.measured(flow.coordinates, paths, place, 1 - paths.tau, delta)


def _with_velocity(dynamics: Dynamics) -> VelocityDynamics:
    if not isinstance(dynamics, VelocityDynamics):
        raise TypeError(lacking(dynamics, "rectified-flow", "velocity"))
    return dynamics

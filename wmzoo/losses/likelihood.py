"""Maximum likelihood of the next latent: what a stochastic dynamics with a density learns by."""

from __future__ import annotations

from torch import Tensor

from wmzoo.dynamics.base import DensityDynamics, Dynamics
from wmzoo.losses.base import lacking
from wmzoo.losses.chance import ChanceLoss


class LikelihoodLoss(ChanceLoss):
    """e = −log p(z* | e_t, a_t) up to a constant (`DensityDynamics.surprise`): a Gaussian's log likelihood, or the
    divergence of categorical distributions. Of single steps from observations, beside a rollout of the mean: see
    ChanceLoss."""

    def errors(self, dynamics: Dynamics, z: Tensor, a: Tensor, target: Tensor, task_emb: Tensor | None) -> Tensor:
        if not isinstance(dynamics, DensityDynamics):
            raise TypeError(lacking(dynamics, "likelihood", "density"))
        return dynamics.surprise(z, a, target, task_emb)

"""Where the data end: several small networks learn the same next latents from them, and disagree about all else.

As the ensembles of MOPO (Yu et al., arXiv 2005.13239) and MOReL (Kidambi et al., arXiv 2005.05951), but beside the
model and not in its place, so that every dynamics has one and none is changed by it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wmzoo.agent.moments import RunningMoments
from wmzoo.nets.members import Members, truncated

UNITS = (128, 128)
RATE = 1.0e-3  # of their learning, at first
QUANTILE = 0.95  # of the data's own disagreement: what is beyond is off the data
TINY = 1e-12  # under the root, whose gradient is infinite at zero


class Disagreement(nn.Module):
    """M networks f_m(z, a) learn the change of a latent over a step of the data, in standard deviations of such
    changes; u(z, a) is the standard deviation over them, root mean square over the latent's units.

    They start from different weights, the last layers' too, and learn from the same rows (Lakshminarayanan et al.,
    arXiv 1612.01474). The policy's task is one, so that they are told none.
    """

    def __init__(self, members: int, latent_dim: int, action_dim: int) -> None:
        super().__init__()
        self.net = Members(members, latent_dim + action_dim, UNITS, latent_dim, "silu")
        for weight in self.net[-1].weight:  # type: ignore[union-attr]  # zero, they would agree off the data too
            truncated(weight.data)
        self.changes = RunningMoments()

    def forward(self, z: Tensor, a: Tensor) -> Tensor:
        """z[..., D] and a[..., A] -> u[...] in units of the data's changes; the gradient runs to both."""
        spread: Tensor = self._predicted(z, a).var(0, correction=0).mean(-1)
        return (spread + TINY).sqrt()

    def loss(self, z: Tensor, a: Tensor, z_next: Tensor) -> Tensor:
        """The mean squared error of all members on steps z[B,D], a[B,A], z_next[B,D] of the data."""
        change = z_next - z
        self.changes.update(change, where=change.isfinite().all())
        error: Tensor = (self._predicted(z, a) - change / self.changes.var.sqrt().to(change)).square().mean()
        return error

    def beyond(self, z: Tensor, a: Tensor, data: Tensor) -> Tensor:
        """The share of the rows z[N,D], a[N,A] whose u is above the QUANTILE of the data's own, data[K]."""
        off: Tensor = self(z, a) > data.quantile(QUANTILE)
        return off.to(z).mean()

    def _predicted(self, z: Tensor, a: Tensor) -> Tensor:
        predicted: Tensor = self.net(torch.cat([z, a], -1))
        return predicted.to(z.dtype)

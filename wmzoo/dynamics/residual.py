"""A step in a chart: what most dynamics of the zoo share."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor

from wmzoo.dynamics.base import Dynamics
from wmzoo.dynamics.coordinates import Coordinates


class ResidualDynamics(Dynamics):
    """z′ lands at y(z) + f(z, a, task) in a chart y of the latent: a subclass gives the change f."""

    coordinates: Coordinates

    @abstractmethod
    def change(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None) -> Tensor:
        """f[B,D], in the chart of `coordinates`."""

    def forward(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None) -> Tensor:
        return self.coordinates.land(self.coordinates.chart(z) + self.change(z, a, task_emb))

"""A dynamics that is linear in the chart, and bilinear in chart and action."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from wmzoo.dynamics.base import join
from wmzoo.dynamics.coordinates import coordinates
from wmzoo.dynamics.residual import ResidualDynamics
from wmzoo.nets.blocks import init_linear


class KoopmanDynamics(ResidualDynamics):
    """f = P (Q y ⊙ (1 + G u)) + C u, u = [a, task, 1]: for one action an affine map of y, whose matrix
    P diag(1 + G u) Q has the rank r.

    The encoder learns coordinates in which the system moves like that, as Koopman's operator does (Bruder, Fu,
    Vasudevan, "Advantages of Bilinear Koopman Realizations for the Modeling and Control of Systems with Unknown
    Dynamics", arXiv 2010.09961). P starts at zero, C too: the first prediction is "no change".

    Args:
        units: r is their sum: there are no layers, but a width to match.
        coordinates, retract: as in FlowDynamics.
    """

    def __init__(
        self,
        *,
        latent_dim: int,
        action_dim: int,
        task_dim: int = 0,
        units: Sequence[int] = (256, 256),
        coordinates: str = "logit",
        retract: str = "project",
        simnorm_dim: int = 8,
    ) -> None:
        super().__init__()
        if not units:
            raise ValueError("dynamics.units, whose sum is the rank, is empty")
        rank = sum(units)
        self.coordinates = _coordinates(coordinates, simnorm_dim, retract)
        self.observe, self.gain = nn.Linear(latent_dim, rank, bias=False), nn.Linear(action_dim + task_dim, rank)
        self.move = nn.Linear(rank, latent_dim, bias=False)
        self.push = nn.Linear(action_dim + task_dim, latent_dim)
        self.apply(init_linear)
        nn.init.orthogonal_(self.observe.weight)
        nn.init.zeros_(self.move.weight)
        nn.init.zeros_(self.push.weight)

    def change(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None) -> Tensor:
        u = torch.cat(join(a, task_emb), -1)
        change: Tensor = self.move(self.observe(self.coordinates.chart(z)) * (1 + self.gain(u))) + self.push(u)
        return change


_coordinates = coordinates  # the constructor's parameter of that name hides the function

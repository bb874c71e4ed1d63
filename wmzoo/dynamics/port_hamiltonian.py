"""A dynamics made of an energy: what conserves it, what dissipates it, and where actions enter."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wmzoo.dynamics.base import join
from wmzoo.dynamics.coordinates import coordinates
from wmzoo.dynamics.integrated import IntegratedDynamics
from wmzoo.errors import check_known
from wmzoo.integrators.base import Integrator

FIRST_STRENGTH = -3.0  # softplus of it is 0.05: the first prediction is near "no change"


class PortHamiltonianDynamics(IntegratedDynamics):
    """dy/dτ = (J − R) ∇_y H + G(z) [a, 1] in a chart y of the latent (van der Schaft, Jeltsema, "Port-Hamiltonian
    Systems Theory", 2014; learned: Zhong et al., arXiv 2002.08860), with

        H(z) = Σ_j s_j log cosh h_j ≥ 0,  h = W [z, task] + b,  s = softplus(ŝ),   the energy
        J = (K − Kᵀ)/√D,   R = L Lᵀ,      conserves it, dissipates it
        G(z) u = P (Q u ⊙ (1 + tanh h)),  P zero at first.

    So dH/dτ = −‖Lᵀ ∇_y H‖² + ∇_y H · G(z) [a, 1]: without the port, energy does not grow. ∇_y H is in closed form.

    Args:
        units: their sum is the number of h_j.
        dissipation: columns of L.
        coordinates: `latent` or `logit`, whose differential is symmetric; the others are as in FlowDynamics.
        integrator, substeps, train_integrator, train_substeps: as in IntegratedDynamics.
    """

    def __init__(
        self,
        *,
        latent_dim: int,
        action_dim: int,
        task_dim: int = 0,
        integrator: Integrator,
        units: Sequence[int] = (256, 256),
        dissipation: int = 16,
        coordinates: str = "logit",
        substeps: int = 1,
        train_integrator: Integrator | None = None,
        train_substeps: int | None = None,
        retract: str = "project",
        simnorm_dim: int = 8,
    ) -> None:
        super().__init__(integrator, substeps, train_integrator, train_substeps)
        check_known("dynamics.coordinates", coordinates, ("latent", "logit"))
        if not units:
            raise ValueError("dynamics.units, whose sum is the energy's width, is empty")
        width = sum(units)
        self.coordinates = _coordinates(coordinates, simnorm_dim, retract)
        self.latent_dim = latent_dim
        self.hidden = nn.Linear(latent_dim + task_dim, width)
        nn.init.normal_(self.hidden.weight)  # the entries of a simplex are small, and so are gradients by its logits
        self.strength = nn.Parameter(torch.full((width,), FIRST_STRENGTH))
        self.exchange = nn.Parameter(torch.randn(latent_dim, latent_dim) / 2**0.5)
        self.dissipate = nn.Parameter(torch.randn(latent_dim, dissipation) / latent_dim**0.5)
        self.port, self.push = nn.Linear(action_dim, width), nn.Linear(width, latent_dim, bias=False)
        nn.init.zeros_(self.push.weight)

    def energy(self, z: Tensor, task_emb: Tensor | None = None) -> Tensor:
        """H[...] of z[..., D]."""
        h = self._hidden(z, task_emb)
        log_cosh = h.abs() + F.softplus(-2 * h.abs()) - torch.log(h.new_tensor(2.0))
        return (F.softplus(self.strength) * log_cosh).sum(-1)

    def velocity(
        self, z: Tensor, a: Tensor, tau: Tensor, task_emb: Tensor | None = None, *, source: Tensor | None = None
    ) -> Tensor:
        slope = self._hidden(z, task_emb).tanh()
        by_latent = (F.softplus(self.strength) * slope) @ self.hidden.weight[:, : self.latent_dim]
        gradient = self.coordinates.induced(z, by_latent)
        lost = gradient @ self.dissipate @ self.dissipate.T
        turned = gradient @ (self.exchange.T - self.exchange) / self.latent_dim**0.5
        pushed: Tensor = self.push(self.port(a) * (1 + slope))
        velocity: Tensor = turned - lost + pushed
        return velocity

    def _hidden(self, z: Tensor, task_emb: Tensor | None) -> Tensor:
        if task_emb is not None:
            task_emb = task_emb.expand(*z.shape[:-1], -1)
        h: Tensor = self.hidden(torch.cat(join(z, task_emb), -1))
        return h


_coordinates = coordinates  # the constructor's parameter of that name hides the function

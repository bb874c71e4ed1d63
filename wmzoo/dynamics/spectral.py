"""An MLP that cannot be steep: the control for "smooth without a flow"."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wmzoo.dynamics.base import join
from wmzoo.dynamics.coordinates import coordinates
from wmzoo.dynamics.residual import ResidualDynamics
from wmzoo.nets.blocks import activation, init_linear

ROUNDS = 16  # of power iteration: of random matrices, whose singular values are close, σ comes out up to 6% low


class BoundedLinear(nn.Linear):
    """x ↦ W x · min(1, bound/σ(W)) + b, σ the largest singular value (Miyato et al., arXiv 1802.05957).

    σ is found by power iteration from one start every time, not from where the last call ended: a layer without a
    state predicts the same twice, and goes on after a resume bit for bit.
    """

    start: Tensor

    def __init__(self, in_features: int, out_features: int, bound: float) -> None:
        super().__init__(in_features, out_features)
        self.bound = bound
        ramp = torch.linspace(1, 2, in_features)  # no weight that is drawn at random is orthogonal to it
        self.register_buffer("start", ramp / ramp.norm(), persistent=False)

    def spectral_norm(self) -> Tensor:
        """σ(W), a scalar, from below and with its gradient u vᵀ."""
        with torch.no_grad():
            v = self.start.to(self.weight)
            for _ in range(ROUNDS):
                u = F.normalize(self.weight @ v, dim=0)
                v = F.normalize(self.weight.T @ u, dim=0)
        return u @ self.weight @ v

    def binds(self) -> Tensor:
        """Whether σ(W) > bound, a scalar."""
        return self.spectral_norm().detach() > self.bound

    def forward(self, x: Tensor) -> Tensor:
        scale = self.bound / self.spectral_norm().clamp_min(self.bound)
        return F.linear(x, self.weight * scale, self.bias)


class SpectralDynamics(ResidualDynamics):
    """f is an MLP without LayerNorm whose layers stretch no difference more than `bound`: for L layers
    ‖∂f/∂[z, a]‖ ≤ bound^L · c^(L−1), where c is the activation's greatest slope (1.1 of SiLU and Mish, 1 of ReLU, ELU
    and tanh). That is with the true σ(W): a layer whose σ comes out low (see ROUNDS) stretches by as much more.

    Its last layer starts at zero: the first prediction is "no change". Its figure `bound_binds` is the share of layers
    with σ(W) > bound: at 0 it is an MLP without LayerNorm, and controls nothing.

    Args:
        bound: of each layer's spectral norm.
        coordinates, retract: as in FlowDynamics.
    """

    def __init__(
        self,
        *,
        latent_dim: int,
        action_dim: int,
        task_dim: int = 0,
        units: Sequence[int] = (256, 256),
        bound: float = 2.0,
        coordinates: str = "logit",
        retract: str = "project",
        activation: str = "silu",
        simnorm_dim: int = 8,
    ) -> None:
        super().__init__()
        if not bound > 0:
            raise ValueError(f"dynamics.bound is above 0, not {bound}")
        self.coordinates = _coordinates(coordinates, simnorm_dim, retract)
        widths = [latent_dim + action_dim + task_dim, *units, latent_dim]
        layers: list[nn.Module] = []
        for narrow, wide in pairwise(widths):
            layers += [BoundedLinear(narrow, wide, bound), _activation(activation)]
        self.net = nn.Sequential(*layers[:-1]).apply(init_linear)
        nn.init.zeros_(self.net[-1].weight)  # type: ignore[arg-type]

    def figures(self) -> dict[str, Tensor]:
        bound = [layer.binds() for layer in self.net if isinstance(layer, BoundedLinear)]
        return {"bound_binds": torch.stack(bound).float().mean()}

    def change(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None) -> Tensor:
        change: Tensor = self.net(torch.cat(join(z, a, task_emb), -1))
        return change


_activation, _coordinates = activation, coordinates  # parameters of the constructor hide these functions

"""A rectified-flow dynamics: the next latent is where a learned velocity field carries the present one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from wmzoo.dynamics.base import join
from wmzoo.dynamics.coordinates import coordinates
from wmzoo.dynamics.integrated import IntegratedDynamics, least_rest
from wmzoo.errors import check_known
from wmzoo.integrators.base import Field, Integrator
from wmzoo.nets.blocks import TrunkAndHead, mlp


class FlowDynamics(IntegratedDynamics):
    """Integrates dy/dτ = v(z(y), a, τ) from τ=0 to 1 in a chart y of the latent (Liu et al., arXiv 2209.03003).

    The field's last layer is a plain Linear that starts at zero: the first prediction is "no change".

    Args:
        coordinates: where paths are straight: `latent`, between latents; `logit`, between their logits, on the
            simplices by construction; `sphere`, between their square roots.
        condition_on_source: also give the field the latent the path started from. Without it, where the straight paths
            of different samples cross, the fitted field is their average and the pairing is lost.
        integrator, substeps, train_integrator, train_substeps: as in IntegratedDynamics.
        trunk: `own`, every evaluation runs the whole network on [z_τ, a, τ]; `shared`, its trunk runs once per latent
            step, on [z, a], and the evaluations share it (see TrunkAndHead). Such a field knows its source.
        predict: what the network's output f means. `velocity`: v = f. `end`: the path ends at y_τ + f, which is known
            as x1-prediction; then v = f / max(1 − τ, r), r = 0.05, or 1/K for more than 20 sub-steps K, so that Euler's
            last one arrives, too.
        retract: for latent coordinates, how an integrated latent comes back onto the simplices, once per latent step.
    """

    def __init__(
        self,
        *,
        latent_dim: int,
        action_dim: int,
        task_dim: int = 0,
        integrator: Integrator,
        units: Sequence[int] = (256, 256),
        coordinates: str = "logit",
        condition_on_source: bool = False,
        substeps: int = 2,
        train_integrator: Integrator | None = None,
        train_substeps: int | None = None,
        trunk: str = "own",
        predict: str = "velocity",
        retract: str = "project",
        activation: str = "mish",
        simnorm_dim: int = 8,
    ) -> None:
        super().__init__(integrator, substeps, train_integrator, train_substeps)
        check_known("dynamics.trunk", trunk, ("own", "shared"))
        check_known("dynamics.predict", predict, ("velocity", "end"))
        self.coordinates = _coordinates(coordinates, simnorm_dim, retract)
        self.condition_on_source, self.trunk = condition_on_source, trunk
        self.least_rest = least_rest(max(self.substeps, self.train_substeps)) if predict == "end" else None
        self.net: torch.nn.Module
        if trunk == "shared":
            self.net = TrunkAndHead(latent_dim + action_dim + task_dim, latent_dim + 1, units, latent_dim, activation)
        else:
            inputs = latent_dim * (1 + condition_on_source) + action_dim + 1 + task_dim
            self.net = mlp(inputs, units, latent_dim, activation)

    def field(self, source: Tensor | None, a: Tensor, task_emb: Tensor | None = None) -> Field:
        if source is None and (self.condition_on_source or self.trunk == "shared"):
            raise ValueError("a field conditioned on its source needs `source`")
        seen = source if self.condition_on_source else None
        shared = self.net if isinstance(self.net, TrunkAndHead) else None
        trunk = None if shared is None else shared.trunk(torch.cat(join(source, a, task_emb), -1))

        def field(z: Tensor, tau: Tensor) -> Tensor:
            if shared is None:
                out: Tensor = self.net(torch.cat(join(z, a, tau, seen, task_emb), -1))
            else:
                out = shared(trunk, torch.cat([z, tau], -1))
            return out if self.least_rest is None else out / (1 - tau).clamp_min(self.least_rest)

        return field

    def velocity(
        self, z: Tensor, a: Tensor, tau: Tensor, task_emb: Tensor | None = None, *, source: Tensor | None = None
    ) -> Tensor:
        return self.field(source, a, task_emb)(z, tau)


_coordinates = coordinates  # the constructor's parameter of that name hides the function

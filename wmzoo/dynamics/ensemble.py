"""Several MLPs, trained on the same data from different starts: where they disagree, the model does not know."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from wmzoo.dynamics.base import MembersDynamics, join
from wmzoo.dynamics.coordinates import coordinates
from wmzoo.errors import check_known
from wmzoo.nets.members import Members


class EnsembleDynamics(MembersDynamics):
    """z′_m lands at y(z) + f_m(z, a, task), for M members whose products are batched; z′ is their mean, on the
    simplices as they are, or that of a member drawn anew for every row and step (TS1 of Chua et al., PETS,
    arXiv 1805.12114).

    Args:
        units: of each member.
        members: M, 2 or more.
        imagine: what a rollout that is given noise follows, as that of the policy's training: the `mean` (then no noise
            is asked for), or a drawn `member`.
        coordinates, retract: as in FlowDynamics.
    """

    def __init__(
        self,
        *,
        latent_dim: int,
        action_dim: int,
        task_dim: int = 0,
        units: Sequence[int] = (128, 128),
        members: int = 5,
        imagine: str = "mean",
        coordinates: str = "logit",
        retract: str = "project",
        activation: str = "silu",
        simnorm_dim: int = 8,
    ) -> None:
        super().__init__()
        check_known("dynamics.imagine", imagine, ("mean", "member"))
        if members < 2:
            raise ValueError(f"dynamics.members is 2 or more, not {members}")
        self.noise_dim = 1 if imagine == "member" else 0
        self.coordinates = _coordinates(coordinates, simnorm_dim, retract)
        self.net = Members(members, latent_dim + action_dim + task_dim, units, latent_dim, activation)

    def members(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None) -> Tensor:
        changes: Tensor = self.net(torch.cat(join(z, a, task_emb), -1))
        return self.coordinates.land(self.coordinates.chart(z) + changes)

    def mean_step(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None) -> Tensor:
        return self.members(z, a, task_emb).mean(0)

    def sample(self, z: Tensor, a: Tensor, noise: Tensor, task_emb: Tensor | None = None) -> Tensor:
        members = self.members(z, a, task_emb)
        uniform = (1 + torch.erf(noise / math.sqrt(2))) / 2
        drawn = (uniform * len(members)).long().clamp_max(len(members) - 1)  # [B,1]
        return members.gather(0, drawn.unsqueeze(0).expand(1, *z.shape)).squeeze(0)


_coordinates = coordinates  # the constructor's parameter of that name hides the function

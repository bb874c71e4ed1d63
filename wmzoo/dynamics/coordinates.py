"""The chart in which a latent moves: the latent itself, the logits of its simplices, or their square roots.

A residual step is `land(chart(z) + f)`; a flow follows straight lines in the chart. Both are the identity at f = 0.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from torch import Tensor

from wmzoo.nets.functional import softmax
from wmzoo.nets.simnorm import group, project_to_simplex, renormalise, ungroup

SMALLEST = 1e-6  # the latent entry below which the logit chart is flat
TINY = 1e-12  # so that the sphere's centre, too, has a point above it: the uniform distribution


def _leave(z: Tensor, size: int) -> Tensor:
    return z


RETRACTIONS: dict[str, Callable[[Tensor, int], Tensor]] = {
    "project": project_to_simplex,
    "renormalise": renormalise,
    "none": _leave,
}


class Coordinates(ABC):
    """A chart y of the latent z; all maps are [..., D] -> [..., D]."""

    @abstractmethod
    def chart(self, z: Tensor) -> Tensor:
        """y(z)."""

    @abstractmethod
    def point(self, y: Tensor) -> Tensor:
        """z(y), what a network sees along a path."""

    @abstractmethod
    def land(self, y: Tensor) -> Tensor:
        """z(y) at the end of a latent step, back on the simplices; called once per latent step."""

    @abstractmethod
    def induced(self, z: Tensor, delta: Tensor) -> Tensor:
        """The change of z that a small change delta of y induces at y = chart(z): the differential of `point`."""


class LatentCoordinates(Coordinates):
    """y = z. A sum can leave the simplices; `retract` brings it back.

    Args:
        retract: `project` (Euclidean projection), `renormalise` (clip at 0, divide by the sum), `none`. All three are
            the identity on the simplex; SimNorm itself is not, and so is not offered.
    """

    def __init__(self, simnorm_dim: int = 8, retract: str = "project") -> None:
        if retract not in RETRACTIONS:
            raise ValueError(f"retract is one of {', '.join(RETRACTIONS)}, not '{retract}'")
        self.simnorm_dim, self.retract = simnorm_dim, RETRACTIONS[retract]

    def chart(self, z: Tensor) -> Tensor:
        return z

    def point(self, y: Tensor) -> Tensor:
        return y

    def land(self, y: Tensor) -> Tensor:
        return self.retract(y, self.simnorm_dim)

    def induced(self, z: Tensor, delta: Tensor) -> Tensor:
        return delta


class LogitCoordinates(Coordinates):
    """y = log max(z, 1e-6) per simplex, z = softmax(y): on the simplices by construction, whatever y is."""

    def __init__(self, simnorm_dim: int = 8) -> None:
        self.simnorm_dim = simnorm_dim

    def chart(self, z: Tensor) -> Tensor:
        return z.clamp_min(SMALLEST).log()

    def point(self, y: Tensor) -> Tensor:
        return ungroup(softmax(group(y, self.simnorm_dim)))

    def land(self, y: Tensor) -> Tensor:
        return self.point(y)

    def induced(self, z: Tensor, delta: Tensor) -> Tensor:
        """z ⊙ (δ − ⟨z, δ⟩) per group: the softmax's differential."""
        z, delta = group(z, self.simnorm_dim), group(delta, self.simnorm_dim)
        return ungroup(z * (delta - (z * delta).sum(-1, keepdim=True)))


class SphereCoordinates(Coordinates):
    """y = √max(z, 1e-6) per simplex, a point of the unit sphere; z = (y/‖y‖)², on the simplices whatever y is.

    A straight line between two such y passes through the sphere; what lies above it is an arc of a great circle, the
    shortest way between two distributions by Fisher's metric (Amari, Nagaoka, "Methods of Information Geometry", 2.6).
    """

    def __init__(self, simnorm_dim: int = 8) -> None:
        self.simnorm_dim = simnorm_dim

    def chart(self, z: Tensor) -> Tensor:
        return z.clamp_min(SMALLEST).sqrt()

    def point(self, y: Tensor) -> Tensor:
        squares = group(y, self.simnorm_dim).square() + TINY
        return ungroup(squares / squares.sum(-1, keepdim=True))

    def land(self, y: Tensor) -> Tensor:
        return self.point(y)

    def induced(self, z: Tensor, delta: Tensor) -> Tensor:
        """2 u ⊙ (δ − u ⟨u, δ⟩)/‖y‖ per group, u = y/‖y‖: twice u times the part of δ along the sphere."""
        y, delta = group(self.chart(z), self.simnorm_dim), group(delta, self.simnorm_dim)
        length = y.norm(dim=-1, keepdim=True)
        u = y / length
        return ungroup(2 * u * (delta - u * (u * delta).sum(-1, keepdim=True)) / length)


def coordinates(name: str, simnorm_dim: int, retract: str) -> Coordinates:
    """The chart called `latent`, `logit` or `sphere`; ValueError otherwise."""
    if name == "latent":
        return LatentCoordinates(simnorm_dim, retract)
    if name == "logit":
        return LogitCoordinates(simnorm_dim)
    if name == "sphere":
        return SphereCoordinates(simnorm_dim)
    raise ValueError(f"coordinates are latent, logit or sphere, not '{name}'")

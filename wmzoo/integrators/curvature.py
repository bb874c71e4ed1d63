"""Heun's method with as many sub-steps for a row as its path bends."""

from __future__ import annotations

import torch
from torch import Tensor

from wmzoo.integrators.base import Field, Integrator


class Curvature(Integrator):
    """K_r = ⌈RMS(f(z + f(z, 0), 1) − f(z, 0)) / (2 tolerance)⌉ sub-steps of Heun's method for row r, from 1 to `most`.

    The difference of the slopes at both ends of an Euler step is y″ to first order, the curvature of a path taken at
    unit time; Euler's method with K sub-steps is off by y″/2K. K is chosen for each row once, before it starts: where
    an error control makes attempts, this makes none. The first of the two slopes is that of the first sub-step, too;
    the other is an evaluation more: 2K + 1 in all. The shapes are those of `most` sub-steps; rows that arrived stand
    still.

    Args:
        tolerance: of the error that Euler's method would make, root mean square over a row's units; Heun's is smaller.
        most: sub-steps.
    """

    order = 2
    adaptive = True

    def __init__(self, tolerance: float = 0.02, most: int = 8) -> None:
        if not tolerance > 0 or most < 1:
            raise ValueError("integrator.tolerance is above 0, integrator.most 1 or more")
        self.tolerance, self.most = tolerance, most

    def nfe(self, steps: int) -> int:
        return 1 + 2 * self.most

    @torch.no_grad()
    def evaluations(self, field: Field, z: Tensor, steps: int) -> Tensor:
        return 1 + 2 * self.substeps(field, z, _start(field, z), steps).squeeze(1).long()

    def integrate(self, field: Field, z: Tensor, steps: int) -> Tensor:
        """No row takes fewer than `steps` sub-steps."""
        if steps < 1:
            raise ValueError(f"an integration takes at least 1 sub-step, not {steps}")
        first = _start(field, z)
        count = self.substeps(field, z, first, steps)
        last = self.most if torch.compiler.is_compiling() else int(count.max())
        for step in range(last):
            going = step < count
            h, tau = going / count, (step / count).clamp_max(1.0)  # a row that arrived looks no further
            first = field(z, tau) if step else first
            second = field(z + h * first, (tau + h).clamp_max(1.0))
            z = torch.where(going, z + h / 2 * (first + second), z)
        return z

    @torch.no_grad()
    def substeps(self, field: Field, z: Tensor, first: Tensor, least: int = 1) -> Tensor:
        """K[B,1], whole numbers in the dtype of z, by the slopes first[B,D] at τ = 0."""
        bend = (field(z + first, z.new_ones(len(z), 1)) - first).square().mean(-1, keepdim=True).sqrt()
        return (bend / (2 * self.tolerance)).nan_to_num(nan=self.most).ceil().clamp(min(least, self.most), self.most)


def _start(field: Field, z: Tensor) -> Tensor:
    """The slopes at τ = 0."""
    return field(z, z.new_zeros(len(z), 1))

"""Derivatives by differences of several steps, and where these disagree.

A stencil of step ε is second order: (f(+ε) − f(−ε)) / 2ε, and where a − ε or a + ε would leave [−1, 1], which an
environment clips, the inward (−3 f(0) + 4 f(σε) − f(2σε)) / 2σε, σ = ±1. Two steps, one RATIO times the other, leave
the fourth order by Richardson's extrapolation (inward the third), and their distance tells how far they can be trusted.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

RATIO = 4
STEPS = (4e-3, 1e-3, 2.5e-4)  # of an action in [−1, 1]; each 1/RATIO of the one before
TOLERANCE = 0.05  # of the larger of the derivative and the root mean square of its gradient


class Stencil(NamedTuple):
    """Where to look, in steps from a[...], and how the changes found there count: offsets and weights [2,...].
    central: bool [...]."""

    offsets: Tensor
    weights: Tensor
    central: Tensor


def stencil(a: Tensor) -> Stencil:
    """Central ones for actions a[...] in [−1, 1], inward where the longest step would leave that."""
    inward = torch.where(a > 0, -1.0, 1.0).to(a)
    central = a.abs() + STEPS[0] <= 1
    offsets = torch.stack([torch.where(central, 1, inward), torch.where(central, -1, 2 * inward)])
    weights = torch.stack([torch.where(central, 0.5, 2 * inward), torch.where(central, -0.5, -0.5 * inward)])
    return Stencil(offsets, weights, central)


class Derivative(NamedTuple):
    """value [...], and how far the two steps behind it are apart, and the slopes on either side of a: doubt, kink."""

    value: Tensor
    doubt: Tensor
    kink: Tensor


def derivative(here: Tensor, there: Tensor, used: Stencil) -> Derivative:
    """From f(a), here[K,...], and f at the stencil's two offsets, for each of STEPS: there[S,2,K,...], K functions of
    the same a[...].

    Of the pairs of neighbouring steps the one whose estimates agree best counts. The slopes f′(a + 0) and f′(a − 0)
    are compared where the stencil is central; their difference is extrapolated as well, so that curvature is none.
    """
    steps = torch.tensor(STEPS, dtype=here.dtype).view(-1, *[1] * here.ndim)
    change = there - here  # whose rounding is that of the differences alone
    estimates = (used.weights.unsqueeze(1) * change).sum(1) / steps
    bends = torch.where(used.central, change.sum(1) / steps, 0)
    values = estimates[1:] + (estimates[1:] - estimates[:-1]) / (RATIO**2 - 1)
    kinks = bends[1:] + (bends[1:] - bends[:-1]) / (RATIO - 1)
    doubts = (estimates[1:] - estimates[:-1]).abs()
    best = doubts.argmin(0, keepdim=True)
    return Derivative(*(each.gather(0, best)[0] for each in (values, doubts, kinks.abs())))


def rough(found: Derivative, size: Tensor) -> Tensor:
    """bool [...]: the steps disagree, or the slopes on either side do, by more than TOLERANCE; size [...]: the root
    mean square of the gradient that each belongs to."""
    allowed = TOLERANCE * torch.maximum(found.value.abs(), size)
    return (found.doubt > allowed) | (found.kink > allowed)

"""Expected signal-to-noise ratio of a gradient estimator, ESNR = Σ_j E[g_j]² / Σ_j Var[g_j].

All that is needed of N estimates g_i[P] is their Gram matrix G_ij = g_i · g_j, so P may be large.

The plug-in ratio of the mean's square and the sample variance is biased twice. The mean's square holds Var/N too much,
which is 1/N of the ratio. And 1/variance is on average larger than the inverse of its average: for Gaussian estimates
by ν/(ν−2), where ν = (N−1) (tr Σ)² / tr Σ² are the degrees of freedom of the total variance (Satterthwaite 1946), with
tr Σ² and (tr Σ)² estimated without bias (Srivastava 2005). For one coordinate ν = N−1, and
(N−3)/(N−1) · ḡ²/s² − 1/N is exactly unbiased. The interval is the delete-one jackknife's (Efron, Stein 1981).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from wmzoo.storage.form import check_form

FEWEST = 5  # estimates for which the correction, and leaving one out of them, make sense
WINDOW = 32  # gradients of a training that are kept
QUANTILE = 1.96  # of the normal distribution, for a 95% interval


class ESNR(NamedTuple):
    """An estimate with its 95% interval; `decibels` is None where the estimate is not positive."""

    value: float
    low: float
    high: float

    @property
    def decibels(self) -> float | None:
        return decibels(self.value)


def esnr(gram: Tensor) -> ESNR:
    """The bias-corrected estimate from the Gram matrix [N,N] of N independent estimates, N ≥ 5, and its interval."""
    count = len(gram)
    if count < FEWEST:
        raise ValueError(f"an ESNR takes at least {FEWEST} estimates, not {count}")
    gram = gram.double()
    value = corrected(gram)
    keep = ~torch.eye(count, dtype=torch.bool, device=gram.device)
    others = torch.tensor([corrected(gram[row][:, row]) for row in keep], dtype=torch.float64)
    error = ((count - 1) / count * (others - others.mean()).square().sum()).sqrt().item()
    return ESNR(value, value - QUANTILE * error, value + QUANTILE * error)


def corrected(gram: Tensor) -> float:
    """The estimate itself, from a Gram matrix [N,N] in float64."""
    count = len(gram)
    mean_square, variance = moments(gram)
    if variance <= 0:
        return math.inf if mean_square > 0 else 0.0
    degrees = _degrees_of_freedom(gram, variance)
    return (degrees - 2) / degrees * mean_square / variance - 1 / count


def moments(gram: Tensor) -> tuple[float, float]:
    """‖mean of the g_i‖² and their total sample variance Σ_j s_j²."""
    count = len(gram)
    mean_square = gram.mean().item()
    return mean_square, (gram.trace().item() - count * mean_square) / (count - 1)


def cosine(gram: Tensor) -> float:
    """The mean cosine similarity of two different estimates."""
    norms = gram.diagonal().sqrt()
    cosines = gram / (norms.unsqueeze(0) * norms.unsqueeze(1))
    count = len(gram)
    return ((cosines.sum() - cosines.trace()) / (count * (count - 1))).item()


def decibels(ratio: float | None) -> float | None:
    """10 log₁₀ of a positive ratio, else None."""
    return 10 * math.log10(ratio) if ratio is not None and 0 < ratio < math.inf else None


def _degrees_of_freedom(gram: Tensor, variance: float) -> float:
    """ν of the total variance, between N−1 (one direction) and infinity (many alike)."""
    count = len(gram)
    centred = gram - gram.mean(0) - gram.mean(1, keepdim=True) + gram.mean()
    square = centred.square().sum().item() / (count - 1) ** 2  # tr S²
    of_square = (count - 1) ** 2 / ((count - 2) * (count + 1)) * (square - variance**2 / (count - 1))  # tr Σ²
    of_trace = variance**2 - 2 * of_square / (count - 1)  # (tr Σ)²
    if of_square <= 0 or of_trace <= 0:
        return math.inf if of_square <= 0 else count - 1
    return max(count - 1, (count - 1) * of_trace / of_square)


class RunningESNR:
    """The ESNR of the last `window` gradients of a training: cheap, and blurred by what the policy learns meanwhile."""

    def __init__(self, window: int = WINDOW) -> None:
        self.window = window
        self.count = torch.zeros(1, dtype=torch.int64)
        self.gradients = torch.zeros(window, 0)  # [W,P], in a ring
        self.gram = torch.zeros(window, window, dtype=torch.float64)

    def add(self, gradients: Iterable[Tensor], where: Tensor | bool = True) -> None:
        """Take in one gradient, in pieces of any shape, on their device and without waiting for it.

        where: a bool scalar, false to leave it out.
        """
        flat = torch.cat([gradient.detach().flatten() for gradient in gradients]).float()
        if not self.gradients.shape[1]:
            self.gradients = flat.new_zeros(self.window, len(flat))
        # what was loaded is on the CPU
        self.gradients, self.gram, self.count = (x.to(flat.device) for x in (self.gradients, self.gram, self.count))
        where, row = torch.as_tensor(where, device=flat.device), self.count % self.window
        added = torch.where(where, flat, self.gradients[row])
        self.gradients.index_copy_(0, row, added)
        products = (self.gradients @ added.T).double().T
        self.gram.index_copy_(0, row, products).index_copy_(1, row, products.T)
        self.count += where

    def row(self) -> dict[str, float | None]:
        """`esnr_running` and, in decibels, `esnr_running_db`; None before the window is full, or where not positive."""
        value = corrected(self.gram.cpu()) if int(self.count) >= self.window else None
        return {"esnr_running": value, "esnr_running_db": decibels(value)}

    def state_dict(self) -> dict[str, Any]:
        return {"count": int(self.count), "gradients": self.gradients, "gram": self.gram}

    def check_state(self, state: dict[str, Any], width: int) -> None:
        """ValueError for another form than that of the state of gradients with up to `width` numbers."""
        columns = min(width, state["gradients"].shape[-1])
        wanted = {"count": 0, "gradients": torch.empty(self.window, columns), "gram": self.gram}
        check_form(state, wanted, "pwm/esnr")
        if state["count"] < 0:
            raise ValueError(f"pwm/esnr/count is {state['count']}")

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken."""
        self.count = torch.tensor([state["count"]])
        self.gradients = state["gradients"].clone()
        self.gram = state["gram"].clone()

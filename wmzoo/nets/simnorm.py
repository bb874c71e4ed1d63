"""SimNorm (Lavoie et al., arXiv 2204.00616): latents on a product of simplices, and the way back onto it."""

from __future__ import annotations

from einops import rearrange
from torch import Tensor, nn

from wmzoo.nets.functional import softmax


def group(z: Tensor, size: int) -> Tensor:
    """View z[..., D] as its simplex groups [..., D/size, size]. Raises ValueError if `size` does not divide D."""
    if z.shape[-1] % size:
        raise ValueError(f"a latent of width {z.shape[-1]} has no whole groups of {size}")
    return rearrange(z, "... (group unit) -> ... group unit", unit=size)


def ungroup(groups: Tensor) -> Tensor:
    """The way back from `group`: [..., D/size, size] -> [..., D]."""
    return rearrange(groups, "... group unit -> ... (group unit)")


class SimNorm(nn.Module):
    """softmax over each group of `size` units: [..., D] -> [..., D], every group on the probability simplex."""

    def __init__(self, size: int = 8) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        return ungroup(softmax(group(x, self.size)))

    def extra_repr(self) -> str:
        return f"size={self.size}"


def project_to_simplex(z: Tensor, size: int = 8) -> Tensor:
    """Euclidean projection of each group of z[..., D] onto the probability simplex; the identity on it.

    The sorting algorithm of Held, Wolfe and Crowder (1974), as in Duchi et al., ICML 2008, figure 1. Differentiable
    almost everywhere: the gradient passes to the entries that stay positive, less their mean.
    """
    x = group(z, size)
    descending = x.sort(-1, descending=True).values
    largest = descending[..., :1].detach()  # a common shift changes nothing; without it large entries lose the 1 below
    x, descending = x - largest, descending - largest
    excess = descending.cumsum(-1) - 1  # by how much the k largest entries exceed the simplex
    k = x.new_ones(size).cumsum(0)  # 1 … size
    support = (descending * k > excess).sum(-1, keepdim=True)  # how many entries stay positive
    support = support.clamp_min(1)  # none compares so among NaNs, which must come out as NaN
    threshold = excess.gather(-1, support - 1) / support
    return ungroup((x - threshold).clamp_min(0))


def renormalise(z: Tensor, size: int = 8) -> Tensor:
    """Clip each group of z[..., D] at zero and divide by its sum: cheaper, and also the identity on the simplex.

    A group without a positive entry becomes uniform.
    """
    positive = group(z, size).clamp_min(0) + 1e-12
    return ungroup(positive / positive.sum(-1, keepdim=True))

"""Mish and the softmax of small groups, written for the CPU, where PyTorch's are slow.

At [256,400], one thread, PyTorch's Mish takes 13 times as long as its SiLU, and a softmax over groups of 8 takes 4
times as long as the same arithmetic in tensor operations. Both have exact first derivatives in any dtype (a second one
of Mish raises); on other devices, under torch.compile and within `twice_differentiable`, PyTorch's own are used.
Half-precision inputs are computed with in float32.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

HALF = (torch.bfloat16, torch.float16)


def _mish_gate(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """tanh(softplus(x)) = t/(1−t) with t = σ − σ²/2, σ = sigmoid(x): one exponential, and none that overflows.

    From tanh(log u) = (u²−1)/(u²+1) with u = 1 + eˣ = 1/(1−σ). Gives it, σ and 1−t.
    """
    sigmoid = x.sigmoid()
    t = torch.addcmul(sigmoid, sigmoid, sigmoid, value=-0.5)
    rest = 1 - t
    return t.div_(rest), sigmoid, rest


class _Mish(torch.autograd.Function):
    """x·gate(x), whose slope is gate + x·σ·((1−σ)/(1−t))²."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> tuple[Tensor, Tensor]:
        gate, sigmoid, rest = _mish_gate(x)
        ratio = (1 - sigmoid).div_(rest)
        return x * gate, torch.addcmul(gate, ratio.mul_(ratio).mul_(sigmoid), x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: tuple[Tensor, Tensor]) -> None:
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(output[1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> Tensor:
        slope: Tensor = ctx.saved_tensors[0]
        return grad * slope


class _Softmax(torch.autograd.Function):
    """softmax over the last dimension."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        e = (x - x.amax(-1, keepdim=True)).exp_()
        return e.div_(e.sum(-1, keepdim=True))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(output)
        ctx.save_for_forward(output)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return _softmax_differential(ctx.saved_tensors[0], grad)

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor) -> Tensor:
        return _softmax_differential(ctx.saved_tensors[0], tangent)


def _softmax_differential(y: Tensor, delta: Tensor) -> Tensor:
    """y ⊙ (δ − ⟨y, δ⟩), symmetric: of a tangent as of a gradient."""
    weighted = delta * y
    return weighted - y * weighted.sum(-1, keepdim=True)


MISH: Any = _Mish  # as PyTorch types `apply` with some of its optional packages and not with others
SOFTMAX: Any = _Softmax
_plain = ContextVar("plain", default=False)


@contextmanager
def twice_differentiable() -> Iterator[None]:
    """Within it PyTorch's own functions are used, which have a second derivative."""
    token = _plain.set(True)
    try:
        yield
    finally:
        _plain.reset(token)


def own_kernels(x: Tensor) -> bool:
    """Whether what is written here is used for x."""
    return x.device.type == "cpu" and not torch.compiler.is_compiling() and not _plain.get()


def mish(x: Tensor) -> Tensor:
    """x·tanh(softplus(x)) (Misra, arXiv 1908.08681), elementwise."""
    if not own_kernels(x):
        return F.mish(x)
    full = x.float() if x.dtype in HALF else x
    if torch.is_grad_enabled() and full.requires_grad:
        out: Tensor = MISH.apply(full)[0]
    else:
        out = _mish_gate(full)[0].mul_(full)
    return out.to(x.dtype)


def softmax(x: Tensor) -> Tensor:
    """softmax over the last dimension, meant for a short one; of half-precision inputs in float32."""
    x = x.float() if x.dtype in HALF else x
    out: Tensor = SOFTMAX.apply(x) if own_kernels(x) else x.softmax(-1)
    return out


class Mish(nn.Module):
    """`mish` as a module."""

    def forward(self, x: Tensor) -> Tensor:
        return mish(x)


def bounded(raw: Tensor, low: float, high: float, middle: float) -> Tensor:
    """low + (high − low)·sigmoid(4ρ/(high − low) + c) of ρ = raw, elementwise, with c such that ρ = 0 gives `middle`;
    half-way between the bounds its slope is 1."""
    width = high - low
    share = (middle - low) / width
    return low + width * (raw * (4 / width) + math.log(share / (1 - share))).sigmoid()

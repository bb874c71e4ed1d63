"""What is done to all parameters of a module at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def frozen(*modules: nn.Module) -> Iterator[None]:
    """Within it the modules' parameters take no gradient: it passes through them, at half the cost."""
    parameters = [p for module in modules for p in module.parameters() if p.requires_grad]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)


@torch.no_grad()
def follow(average: nn.Module, module: nn.Module, tau: float) -> None:
    """θ̄ ← θ̄ + τ (θ − θ̄): the average's parameters go a part of the way to those of the other module."""
    torch._foreach_lerp_([*average.parameters()], [*module.parameters()], tau)

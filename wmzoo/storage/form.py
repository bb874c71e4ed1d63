"""Whether a saved state has the form of what it replaces: told before any of it is taken.

Numbers that are copied into an array of another shape are silently repeated, and optimisers and simulators in C follow
whatever they are given, out of their memory if need be.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from wmzoo.storage.tensors import AnyTensor, StoredTensor


def kind(tensor: AnyTensor) -> str:
    """As in float32[3, 4]."""
    return f"{str(tensor.dtype).removeprefix('torch.')}{list(tensor.shape)}"


def check_form(found: Any, wanted: Any, where: str) -> None:
    """ValueError, naming the place, unless `found` has the keys and lengths of `wanted`, and values of the same kinds:
    of tensors the same shapes and types, whether they are read yet or not."""
    if isinstance(wanted, torch.Tensor):
        if not isinstance(found, torch.Tensor | StoredTensor):
            raise ValueError(f"{where} is a {type(found).__name__}, not {kind(wanted)}")
        if (found.shape, found.dtype) != (wanted.shape, wanted.dtype):
            raise ValueError(f"{where} is {kind(found)}, not {kind(wanted)}")
    elif isinstance(wanted, Mapping):
        if not isinstance(found, Mapping):
            raise ValueError(f"{where} is a {type(found).__name__}, not a mapping")
        for key in (*wanted, *found):
            if key not in found or key not in wanted:
                raise ValueError(f"{where} {'lacks' if key in wanted else 'has unknown'} {key}")
            check_form(found[key], wanted[key], f"{where}/{key}")
    elif isinstance(wanted, list | tuple):
        if not isinstance(found, list | tuple) or len(found) != len(wanted):
            raise ValueError(f"{where} is no list of {len(wanted)}")
        for number, (one, other) in enumerate(zip(found, wanted, strict=True)):
            check_form(one, other, f"{where}/{number}")
    elif type(found) is not type(wanted):
        raise ValueError(f"{where} is a {type(found).__name__}, not a {type(wanted).__name__}")


def check_range(found: torch.Tensor, low: int, high: int, where: str) -> None:
    """ValueError for a tensor of integers with one that is not from `low` to below `high`."""
    if found.numel() and (int(found.min()) < low or int(found.max()) >= high):
        raise ValueError(f"{where} has {int(found.min())} to {int(found.max())}, not from {low} to below {high}")

"""A state dict that somebody else wrote: tensors are taken by name, and each is checked."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from wmzoo.errors import WmzooError

WRAPPERS = ("module", "_orig_mod")  # DataParallel and DistributedDataParallel, torch.compile: around whichever part


class State:
    """Takes tensors by name and shape, and remembers which. Entries that are no tensors are left alone.

    content: what stands in the file as `name`; WmzooError unless it is a mapping.
    """

    def __init__(self, content: Any, name: str) -> None:
        if not isinstance(content, dict):
            raise WmzooError(f"{name} is a {type(content).__name__}, no state dict")
        tensors = {str(key): value for key, value in content.items() if isinstance(value, Tensor)}
        self.tensors: dict[str, Tensor] = {}
        for key, value in tensors.items():
            plain = ".".join(word for word in key.split(".") if word not in WRAPPERS)
            if plain in self.tensors:
                raise WmzooError(f"{name} has {plain} twice, once in a wrapper")
            self.tensors[plain] = value
        self.left = set(self.tensors)  # not taken yet
        self._taken: dict[int, int] = {}  # bytes, by the address of the memory they are in

    def __contains__(self, name: str) -> bool:
        return name in self.tensors

    def take(self, name: str, *shape: int | None) -> Tensor:
        """A float32 copy of the tensor; None in `shape` is any size. WmzooError if it is missing or another kind."""
        if name not in self.tensors:
            raise WmzooError(f"lacks {name}")
        tensor = self.tensors[name]
        if not _is_dense(tensor):
            raise WmzooError(f"{name} is no dense tensor of floating-point numbers")
        fits = all(wanted in (None, size) for size, wanted in zip(tensor.shape, shape, strict=False))
        if tensor.ndim != len(shape) or not fits or not tensor.numel():
            wanted = ", ".join("any" if size is None else str(size) for size in shape)
            raise WmzooError(f"{name} is {list(tensor.shape)} where [{wanted}] is needed")
        if name in self.left and not tensor.is_meta:
            self._count(name, tensor)
        self.left.discard(name)
        return tensor.detach().to(torch.float32, copy=True)

    def _count(self, name: str, tensor: Tensor) -> None:
        """WmzooError for more tensors than there are numbers: each becomes a copy of its own."""
        memory = tensor.untyped_storage()
        place = memory.data_ptr()
        self._taken[place] = self._taken.get(place, 0) + tensor.numel() * tensor.element_size()
        if self._taken[place] > memory.nbytes():
            raise WmzooError(f"{name} is made of numbers that others are made of, too")

    def nothing_left(self, *prefixes: str) -> None:
        """WmzooError for a tensor, under one of the prefixes, that was not taken: without it the net is another."""
        if rest := sorted(name for name in self.left if name.startswith(prefixes)):
            raise WmzooError(f"has {rest[0]}, which this layout does not")

    def parts_left(self) -> list[str]:
        """The parts of which nothing was taken, by the first word of their names."""
        return sorted({name.partition(".")[0] for name in self.left})


def _is_dense(tensor: Tensor) -> bool:
    """A file may say that a number fills a terabyte."""
    if tensor.layout != torch.strided or not tensor.is_floating_point():
        return False
    return tensor.untyped_storage().nbytes() >= tensor.numel() * tensor.element_size()

"""The floor under an update: the time that its counted operations and bytes take at the machine's measured rates."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from timing.ceilings import rate_for
from timing.turns import Measure, stopwatch, take_turns
from wmzoo.diagnostics.cost import flops

ADAM_BYTES = 8  # per byte of weights: gradient written; it, weight and two moments read; these three written


class Layout(NamedTuple):
    """A tensor without its numbers."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: torch.dtype


class Product(NamedTuple):
    """A call of a matrix product, with layouts for tensors."""

    function: Any
    arguments: tuple[Any, ...]
    keywords: tuple[tuple[str, Any], ...]

    @property
    def dtype(self) -> torch.dtype:
        """Of its inputs."""
        return next(argument.dtype for argument in self.arguments if isinstance(argument, Layout))

    def call(self) -> Callable[[], Any]:
        """The same on random numbers."""
        arguments = [_numbers(argument) for argument in self.arguments]
        keywords = {name: _numbers(value) for name, value in self.keywords}
        return lambda: self.function(*arguments, **keywords)


@dataclass(frozen=True)
class Counts:
    """Of one update. flops: of its matrix products, 2 per multiply-add. bytes: what autograd keeps for the way back,
    written and read once, and the optimiser's traffic. steps: of the optimiser. products: how often each."""

    flops: int
    bytes: int
    steps: int
    products: Counter[Product]

    @property
    def dtype(self) -> torch.dtype:
        """That of most products."""
        kinds: Counter[torch.dtype] = Counter()
        for product, times in self.products.items():
            kinds[product.dtype] += times
        return kinds.most_common(1)[0][0]


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.adam_bytes = 0
        self.products: Counter[Product] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func._overloadpacket in flop_registry:
            keywords = tuple((name, _layout(value)) for name, value in kwargs.items())
            self.products[Product(func, tuple(_layout(arg) for arg in args), keywords)] += 1
        elif func._overloadpacket is torch.ops.aten._fused_adam_:
            self.adam_bytes += ADAM_BYTES * sum(weight.numel() * weight.element_size() for weight in args[0])
        return func(*args, **kwargs)


def count(update: Callable[[], Any], weights: list[Tensor], steps: int) -> Counts:
    """Run an update of so many optimiser steps twice and count. That autograd keeps `weights` too is no traffic."""
    own = {weight.untyped_storage().data_ptr() for weight in weights}
    kept: dict[int, torch.UntypedStorage] = {}  # alive, so that no address comes twice

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor), _Recorder() as recorder:
        update()
    moved = recorder.adam_bytes + 2 * sum(storage.nbytes() for storage in kept.values())
    kept.clear()
    return Counts(flops(update), moved, steps, recorder.products)


def floor(counts: Counts, gflops: float, memory: Mapping[int, float]) -> float:
    """Seconds: operations at `gflops` (GFLOP/s) or bytes at the memory's rate, whichever takes longer."""
    return max(counts.flops / (1e9 * gflops), counts.bytes / rate_for(memory, counts.bytes // counts.steps))


def product_seconds(counts: Counts, turns: int, seconds: float) -> float:
    """Seconds of the update's matrix products alone, each at its own shape, with nothing between them."""
    measures: dict[str, Measure] = {
        str(index): stopwatch("product", product.call()) for index, product in enumerate(counts.products)
    }
    figures = take_turns(measures, turns, seconds)
    medians = (figures[str(index)]["product"].median for index in range(len(measures)))
    return math.fsum(times * median for times, median in zip(counts.products.values(), medians, strict=True))


def _layout(value: Any) -> Any:
    if isinstance(value, Tensor):
        return Layout(tuple(value.shape), value.stride(), value.dtype)
    return tuple(value) if isinstance(value, list) else value


def _numbers(value: Any) -> Any:
    if isinstance(value, Layout):
        return torch.empty_strided(value.shape, value.strides, dtype=value.dtype).normal_()
    return value

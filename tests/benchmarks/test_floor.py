"""What benchmarks/speed.py counts of an update, on one that can be counted by hand."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import nn

BATCH, WIDE, NARROW = 6, 5, 3
FLOAT = 4  # bytes


@pytest.fixture
def floor(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    import timing.floor

    return timing.floor


def test_operations_and_bytes_of_a_linear_layer(floor: ModuleType) -> None:
    layer, x = nn.Linear(WIDE, NARROW), torch.rand(BATCH, WIDE)
    optimiser = torch.optim.Adam(layer.parameters(), fused=True)

    def update() -> None:
        optimiser.zero_grad()
        layer(x).exp().sum().backward()
        optimiser.step()

    counts = floor.count(update, list(layer.parameters()), 1)
    assert counts.flops == 2 * (2 * BATCH * WIDE * NARROW)  # forward, and the weight's gradient
    kept = BATCH * WIDE + BATCH * NARROW  # the input, and what exp gave
    weights = NARROW * (WIDE + 1)
    assert counts.bytes == FLOAT * (2 * kept + 8 * weights)
    assert sum(counts.products.values()) == 2


def test_the_floor_is_the_slower_of_operations_and_bytes(floor: ModuleType) -> None:
    memory = {2**20: 20.0, 2**26: 10.0}  # bytes: GB/s
    counts = floor.Counts(flops=4 * 10**9, bytes=10**8, steps=1, products={})
    assert floor.floor(counts, gflops=100.0, memory=memory) == pytest.approx(0.04)
    assert floor.floor(counts, gflops=1000.0, memory=memory) == pytest.approx(0.01)
    in_cache = floor.Counts(flops=0, bytes=10**8, steps=100, products={})
    assert floor.floor(in_cache, gflops=1.0, memory=memory) == pytest.approx(0.005)

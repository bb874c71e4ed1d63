"""Named random streams: every use of chance draws from a generator of its own.

Two variants that share a seed then see the same initial shared parts and the same noise, whatever else either draws.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def seed_of(seed: int, name: str) -> int:
    """The seed of the stream `name` under the run's `seed`: 63 bits of a hash, the same on every machine."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def stream(seed: int, name: str, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator for one named use of randomness."""
    return torch.Generator(device=device).manual_seed(seed_of(seed, name))


@contextmanager
def initialising(seed: int, part: str) -> Iterator[None]:
    """Within it, parameters are drawn from the stream of `part`; torch's global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed_of(seed, f"init/{part}"))  # the CPU's alone: no other is restored
        yield

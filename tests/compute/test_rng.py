"""Named random streams do not disturb each other, nor torch's global one."""

from __future__ import annotations

import hashlib

import torch
from hypothesis import given
from hypothesis import strategies as st

from wmzoo.compute.rng import initialising, seed_of, stream


@given(st.integers(0, 2**31), st.text(max_size=12))
def test_a_seed_is_the_first_63_bits_of_the_hash_of_seed_and_name(seed: int, name: str) -> None:
    digits = hashlib.sha256(f"{seed}/{name}".encode()).hexdigest()[:16]
    assert seed_of(seed, name) == int(digits, 16) // 2 < 2**63


def test_streams_repeat_and_differ_by_name_and_by_seed() -> None:
    draws = {key: torch.rand(8, generator=stream(*key)) for key in [(0, "tau"), (0, "replay"), (1, "tau")]}
    assert torch.equal(draws[0, "tau"], torch.rand(8, generator=stream(0, "tau")))
    assert not torch.equal(draws[0, "tau"], draws[0, "replay"])
    assert not torch.equal(draws[0, "tau"], draws[1, "tau"])


def test_drawing_from_one_stream_leaves_another_as_it_was() -> None:
    alone = torch.rand(4, generator=stream(0, "a"))
    a, b = stream(0, "a"), stream(0, "b")
    torch.rand(100, generator=b)
    assert torch.equal(torch.rand(4, generator=a), alone)


def test_initial_weights_depend_on_seed_and_part_only() -> None:
    def weight(seed: int, part: str) -> torch.Tensor:
        with initialising(seed, part):
            return torch.nn.Linear(3, 3).weight.detach()

    torch.manual_seed(5)
    first = weight(0, "actor")
    torch.rand(7)
    assert torch.equal(weight(0, "actor"), first)
    assert not torch.equal(weight(0, "critic"), first)
    assert not torch.equal(weight(1, "actor"), first)


def test_the_global_generator_is_left_as_it_was_even_by_a_failure() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    with initialising(0, "actor"):
        torch.rand(10)
    try:
        with initialising(0, "actor"):
            torch.rand(10)
            raise KeyError
    except KeyError:
        pass
    assert torch.equal(torch.get_rng_state(), before)

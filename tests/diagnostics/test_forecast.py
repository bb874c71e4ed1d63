"""The energy score and the coverage of samples, against their definitions and against known distributions."""

import math

import pytest

from wmzoo.contracts.common import noise
from wmzoo.diagnostics.forecast import LEVELS, coverage, energy_score


def test_the_energy_score_is_the_distance_to_the_truth_less_half_of_that_between_samples() -> None:
    samples, truth = noise(5, 3, 2), noise(3, 2, seed=1)
    expected = 0.0
    for b in range(3):
        to_truth = sum(math.dist(samples[i, b], truth[b]) for i in range(5)) / 5
        pairs = [math.dist(samples[i, b], samples[j, b]) for i in range(5) for j in range(5) if i != j]
        expected += (to_truth - sum(pairs) / len(pairs) / 2) / 3
    assert energy_score(samples, truth).item() == pytest.approx(expected)


@pytest.mark.parametrize("spread", [0.25, 1.0, 4.0])
def test_it_is_that_of_normal_numbers_and_least_for_the_right_spread(spread: float) -> None:
    """For Z ~ N(0, s²), z* ~ N(0, 1): E|Z − z*| = √(2(1+s²)/π), E|Z − Z′| = 2s/√π."""
    score = energy_score(spread * noise(8, 40_000, 1), noise(40_000, 1, seed=1)).item()
    assert score == pytest.approx(math.sqrt(2 * (1 + spread**2) / math.pi) - spread / math.sqrt(math.pi), abs=0.03)
    assert score > math.sqrt(4 / math.pi) - 1 / math.sqrt(math.pi) - 0.03


@pytest.mark.slow
def test_calibrated_samples_cover_as_much_as_they_say_and_narrow_ones_less() -> None:
    truth = noise(4000, 3, seed=1)
    assert coverage(noise(200, 4000, 3), truth) == pytest.approx(list(LEVELS), abs=0.02)
    narrow = coverage(0.5 * noise(200, 4000, 3), truth)
    assert all(found < level - 0.04 for found, level in zip(narrow, LEVELS, strict=True))

"""The cheetah's custom rewards against numbers worked out by hand."""

import pytest
from dmc_states import reward


@pytest.mark.parametrize(("speed", "expected"), [(-8, 1), (-10, 1), (-6, 0.75), (-4, 0.5), (0, 0), (3, 0)])
def test_cheetah_run_backwards(speed, expected):
    assert reward("cheetah-run-backwards", {"rootx": speed}) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "up", "speed", "expected"),
    [
        ("front", 0.29, 3, (3 * 0.1 + 2 * 0.1 ** (0.21 / 0.6) ** 2) / 5 * (5 / 2 + 1) / 6),  # foot 0.6, torso 0.99
        ("front", 0.5, 0, (3 * 0.1 ** (0.39 / 0.6) ** 2 + 2) / 5 / 6),  # foot 0.81, torso 1.2
        ("front", 1, 6, 1),
        ("front", 1, -6, 1 / 6),
        ("back", 0.32, 3, (3 * 0.1 + 2 * 0.1 ** (0.18 / 0.6) ** 2) / 5 * (5 / 2 + 1) / 6),  # foot 0.6, torso 1.02
        ("back", 0.5, 9, (3 * 0.1 ** (0.42 / 0.6) ** 2 + 2) / 5),  # foot 0.78, torso 1.2
        ("back", 1, 6, 1),
    ],
)
def test_cheetah_run_with_a_foot_raised(name, up, speed, expected):
    assert reward(f"cheetah-run-{name}", {"rootx": speed}, rootz=up) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("up", "speed", "expected"),
    [
        (1, 0, 1),
        (1, 0.5, 1),
        (1, -0.5, 1),
        (1, 0.75, (5 + 0.5) / 6),
        (1, -0.75, (5 + 0.5) / 6),
        (1, 1, 5 / 6),
        (1, -2, 5 / 6),
        # halfway between torso and feet: 0.905 and 0.89
        (0.4, 0, (5 * (0.1 ** (0.295 / 0.6) ** 2 + 0.1 ** (0.31 / 0.6) ** 2) / 2 + 1) / 6),
    ],
)
def test_cheetah_jump(up, speed, expected):
    assert reward("cheetah-jump", {"rootx": speed}, rootz=up) == pytest.approx(expected)

"""The walker's custom rewards against numbers worked out by hand."""

from math import pi

import pytest
from dmc_states import reward


@pytest.mark.parametrize(("name", "wanted"), [("walk", 1), ("run", 8)])
@pytest.mark.parametrize(
    ("share", "up", "lean", "expected"),  # speed as a share of the wanted one; the torso is at 1.3 m + up
    [
        (-1, 0, 0, 1),
        (-2, 0, 0, 1),
        (-0.75, 0, 0, (5 * 0.75 + 1) / 6),
        (-0.5, 0, 0, (5 * 0.5 + 1) / 6),
        (0, 0, 0, 1 / 6),
        (1, 0, 0, 1 / 6),
        (-1, -0.1, 0, 1),
        (-1, -0.7, 0, (3 * 0.1 + 1) / 4),
        (-1, 0, pi / 3, (3 + 0.75) / 4),
        (-0.5, -0.4, pi, 3 * 0.1**0.25 / 4 * 3.5 / 6),
    ],
)
def test_walker_backwards(name, wanted, share, up, lean, expected):
    got = reward(f"walker-{name}-backwards", {"rootx": share * wanted}, rootz=up, rooty=lean)
    assert got == pytest.approx(expected, abs=1e-9)

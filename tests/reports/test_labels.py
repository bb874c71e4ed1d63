"""Names of points stand apart, whatever the points do."""

from __future__ import annotations

import numpy as np
import pytest

from wmzoo.reports.labels import spread


@pytest.mark.parametrize("count", [1, 2, 7, 30])
@pytest.mark.parametrize("of", ["equal", "top", "bottom", "random"])
def test_places_keep_their_order_their_distance_and_the_range(count: int, of: str) -> None:
    drawn = np.sort(np.random.default_rng(count).uniform(size=count)).tolist()
    wanted = {"equal": [0.4] * count, "top": [1.0] * count, "bottom": [0.0] * count, "random": drawn}[of]
    places = spread(wanted, 0.03)
    assert len(places) == count and min(places) >= 0 and max(places) <= 1
    assert all(gap >= 0.03 - 1e-9 for gap in np.diff(places))


def test_places_that_are_far_enough_apart_are_those_wanted_and_too_many_are_even() -> None:
    assert spread([0.1, 0.5, 0.9], 0.1) == pytest.approx([0.1, 0.5, 0.9])
    assert spread([0.2] * 5, 0.5) == pytest.approx([0, 0.25, 0.5, 0.75, 1])

"""The spinning pendulum's rewards against numbers worked out by hand."""

import pytest
from dmc_states import reward


@pytest.mark.parametrize(("speed", "expected"), [(9, 1), (-9, 1), (20, 1), (4.5, 0.5), (-6, 2 / 3), (3, 1 / 3), (0, 0)])
def test_pendulum_spin(speed, expected):
    assert reward("pendulum-spin", {"hinge": speed}) == pytest.approx(expected)

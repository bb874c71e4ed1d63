"""The hopper's custom rewards against numbers worked out by hand."""

from math import radians
from types import SimpleNamespace

import pytest
from dmc_states import placed, reward

from wmzoo.envs.dmc_custom.hopper import HopBackwards


@pytest.mark.parametrize(("speed", "expected"), [(-1, 1), (-3, 1), (-0.75, 0.75), (-0.5, 0.5), (-0.25, 0.25), (0, 0)])
def test_hopper_hop_backwards(speed, expected):
    assert reward("hopper-hop-backwards", {"rootx": speed}) == pytest.approx(expected)  # its legs are straight
    assert reward("hopper-hop-backwards", {"rootx": speed}, rootz=5) == pytest.approx(expected)  # torso over foot


def test_a_hopper_that_does_not_stand_gets_nothing():
    env = placed("hopper-hop-backwards", {"rootx": -2}, hip=radians(-100), knee=radians(150))
    heights = env.physics.named.data.xipos[["torso", "foot"], "z"]
    assert heights[0] - heights[1] < 0.6
    assert env.task.get_reward(env.physics) == 0


@pytest.mark.parametrize(("height", "expected"), [(0.6, 1), (0.6 - 1e-9, 0), (2, 1), (2 + 1e-9, 0)])
def test_a_hopper_stands_from_a_height_of_60_cm_to_2_m(height, expected):
    assert HopBackwards(True).get_reward(SimpleNamespace(height=lambda: height, speed=lambda: -1.0)) == expected

"""The spinning ball's rewards and starts."""

import numpy as np
import pytest
from dmc_states import reward

from wmzoo.envs import mt30


@pytest.mark.parametrize(
    ("x", "z", "velocity", "expected"),  # the target is at z = 0.55 m, the ball's zero at 0.2 m
    [
        (0.3, -0.05, (0, 6), 1),  # 0.5 m away
        (0.25, 0.35, (3, 0), (0.5 + 2 * 0.5) / 3),
        (0.1, 0.35, (0, 0), 0.2 / 3),
        (0, -0.4, (-3.6, 4.8), 1),
        (0, 0.35, (0, 6), 0),  # in the middle of the cup
        (0.024, 0.35 + 0.024, (0, 6), 0),
        (0.026, 0.35, (0, 9), 2 / 3 + (1 - 0.5 * 0.474 / 0.25) / 3),  # beside the middle: the ball's radius is 0.025
    ],
)
def test_cup_spin(x, z, velocity, expected):
    velocities = dict(zip(("ball_x", "ball_z"), velocity, strict=True))
    assert reward("cup-spin", velocities, ball_x=x, ball_z=z) == pytest.approx(expected, abs=1e-9)


def test_cup_spin_starts_inside_the_cup_but_for_one_episode_in_ten():
    inside, env = [], mt30.load("cup-spin", 0)
    for seed in range(120):
        anywhere = np.random.RandomState(seed).uniform(0, 1) < 0.1
        env.task.random.seed(seed)
        env.reset()
        x, z = env.physics.data.qpos[[2, 3]]
        inside.append(abs(x) < 0.025 and abs(z - 0.35) < 0.025)
        assert inside[-1] or anywhere
        assert abs(x) <= 0.2 and 0.2 <= z <= 0.5 and env.physics.data.ncon == 0
    assert 4 <= inside.count(False) <= 20

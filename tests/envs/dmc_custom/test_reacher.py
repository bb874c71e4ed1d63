"""The reacher of three links: rewards, observations, body and starts."""

from math import cos, hypot, pi, radians, sin

import numpy as np
import pytest
from dmc_states import loaded

from wmzoo.envs import mt30

ANGLES = (0.4, -1.1, 0.9)
FINGER = tuple(sum(0.09 * f(sum(ANGLES[: link + 1])) for link in range(3)) for f in (cos, sin))


def reaching(name, away):
    """The three-link reacher at ANGLES, with a target `away` metres above its finger."""
    env = loaded(name, 0)
    env.reset()
    with env.physics.reset_context():
        env.physics.data.qpos[:] = ANGLES
        env.physics.data.qvel[:] = (1, 2, 3)
        env.physics.named.model.geom_pos["target", ["x", "y"]] = (FINGER[0], FINGER[1] + away)
    return env


@pytest.mark.parametrize(("name", "reach"), [("reacher-three-easy", 0.06), ("reacher-three-hard", 0.025)])
def test_reacher_three(name, reach):
    for away, expected in [(0, 1), (reach - 1e-6, 1), (reach + 1e-6, 0), (0.2, 0)]:
        env = reaching(name, away)
        assert env.task.get_reward(env.physics) == expected


def test_reacher_three_observes_its_angles_the_way_to_the_target_and_its_velocities():
    observation = (env := reaching("reacher-three-easy", 0.1)).task.get_observation(env.physics)
    assert list(observation) == ["position", "to_target", "velocity"]
    np.testing.assert_allclose(np.concatenate(list(observation.values())), [*ANGLES, 0, 0.1, 1, 2, 3], atol=1e-12)


def test_reacher_three_has_the_body_that_is_described():
    physics = mt30.load("reacher-three-easy", 0).physics
    model = physics.named.model
    assert [physics.model.id2name(i, "joint") for i in range(3)] == ["shoulder0", "shoulder1", "wrist"]
    assert model.jnt_limited[:].tolist() == [0, 1, 1]
    np.testing.assert_allclose(model.jnt_range[["shoulder1", "wrist"]], [[-radians(80), radians(80)]] * 2)
    np.testing.assert_allclose(model.actuator_gear[:, 0], [0.05] * 3)
    np.testing.assert_allclose(physics.model.dof_damping, [0.01] * 3)
    for name, length in [("arm0", 0.09), ("arm1", 0.09), ("hand", 0.1)]:
        np.testing.assert_allclose(model.geom_size[name][:2], [0.01, length / 2])  # radius and half the cylinder
    assert physics.timestep() == 0.02 and physics.model.opt.disableflags & 1 << 4  # contacts


def test_reacher_three_starts_within_its_limits_with_a_target_5_to_20_cm_away():
    env = mt30.load("reacher-three-hard", 0)
    angles, targets = [], []
    for _ in range(200):
        env.reset()
        angles.append(env.physics.data.qpos.copy())
        targets.append(hypot(*env.physics.named.model.geom_pos["target", ["x", "y"]]))
    low, high = np.min(angles, axis=0), np.max(angles, axis=0)
    limits = np.array([pi, radians(80), radians(80)])
    assert (low >= -limits).all() and (high <= limits).all()
    assert (low < -0.9 * limits).all() and (high > 0.9 * limits).all()
    assert 0.05 <= min(targets) < 0.06 and 0.19 < max(targets) <= 0.2

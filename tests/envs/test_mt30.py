"""MT30's tasks: the custom rewards against numbers worked out by hand, and all that must be dm_control's own."""

from functools import cache
from math import cos, hypot, pi, radians, sin
from types import SimpleNamespace

import numpy as np
import pytest

from wmzoo.contracts.env import check_independence, check_state_roundtrip
from wmzoo.envs import dmc_tasks, mt30
from wmzoo.envs.dmc import DmcVectorEnv
from wmzoo.envs.dmc_custom.hopper import HopBackwards
from wmzoo.envs.dmc_custom.shapes import gaussian, linear
from wmzoo.envs.dmc_tasks import suite
from wmzoo.envs.task_sets import MT30
from wmzoo.errors import WmzooError

CUSTOM = mt30.TASKS[19:]


loaded = cache(mt30.load)


def placed(name, velocities=None, **positions):
    """The task's environment in this state; all other joints are at zero and at rest."""
    env = loaded(name, 0)
    env.reset()
    with env.physics.reset_context():
        data = env.physics.named.data
        data.qpos[:] = 0
        for joint, value in positions.items():
            data.qpos[joint] = value
        for joint, value in (velocities or {}).items():
            data.qvel[joint] = value
    return env


def reward(name, velocities=None, **positions):
    env = placed(name, velocities, **positions)
    return env.task.get_reward(env.physics)


@pytest.mark.parametrize("task", MT30, ids=lambda task: task.name)
def test_every_task_has_its_widths_and_1000_steps_of_its_own(task):
    env = mt30.load(task.name, 0)
    observation = env.reset().observation
    assert sum(np.size(value) for value in observation.values()) == task.obs_dim
    assert env.action_spec().shape == (task.act_dim,)
    assert env._step_limit == pytest.approx(1000)
    first = env.step(np.zeros(task.act_dim))
    assert 0 <= first.reward <= 1 and isinstance(first.reward, float)


@pytest.mark.parametrize(
    ("x", "expected"),
    [(8, 1), (9, 1), (8 - 1e-9, 1), (6, 0.75), (4, 0.5), (2, 0.25), (0.5, 0.0625), (0, 0), (-1, 0)],
)
def test_a_linear_shape_falls_in_a_straight_line_to_zero_and_stays_there(x, expected):
    assert linear(x, least=8, margin=4, at_margin=0.5) == pytest.approx(expected, abs=1e-8)
    assert linear(x, least=8, margin=8, at_margin=0) == pytest.approx(expected, abs=1e-8)  # the same line


def test_a_linear_shape_is_its_given_value_a_margin_below():
    assert linear(1.5, least=2, margin=0.5, at_margin=0.8) == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("x", "expected"), [(1.2, 1), (2, 1), (1.2 - 1e-9, 1), (0.6, 0.1), (0.9, 0.1**0.25), (0, 1e-4), (-0.6, 1e-9)]
)
def test_a_gaussian_shape_is_a_tenth_a_margin_below(x, expected):
    assert gaussian(x, least=1.2, margin=0.6) == pytest.approx(expected)


@pytest.mark.parametrize(("speed", "expected"), [(-8, 1), (-10, 1), (-6, 0.75), (-4, 0.5), (0, 0), (3, 0)])
def test_cheetah_run_backwards(speed, expected):
    assert reward("cheetah-run-backwards", {"rootx": speed}) == pytest.approx(expected)


# With its joints at zero, the cheetah's torso is at 0.7 m, bfoot at 0.7 - 0.25 - 0.14 and ffoot at 0.7 - 0.24 - 0.18.


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


@pytest.mark.parametrize(("speed", "expected"), [(9, 1), (-9, 1), (20, 1), (4.5, 0.5), (-6, 2 / 3), (3, 1 / 3), (0, 0)])
def test_pendulum_spin(speed, expected):
    assert reward("pendulum-spin", {"hinge": speed}) == pytest.approx(expected)


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


@pytest.mark.parametrize("name", ["walker-stand", "cup-catch", "cartpole-swingup-sparse", "finger-turn-hard"])
def test_a_task_of_the_suite_is_the_suites_own(name):
    domain, _, task = name.replace("cup", "ball_in_cup").partition("-")
    mine, theirs = mt30.load(name, 5), suite.load(domain, task.replace("-", "_"), task_kwargs={"random": 5})
    same_episode(mine, theirs, rewards=True)


@pytest.mark.parametrize(
    ("name", "domain", "task"),
    [
        ("cheetah-run-backwards", "cheetah", "run"),
        ("cheetah-run-front", "cheetah", "run"),
        ("cheetah-run-back", "cheetah", "run"),
        ("cheetah-jump", "cheetah", "run"),
        ("walker-walk-backwards", "walker", "walk"),
        ("walker-run-backwards", "walker", "walk"),
        ("hopper-hop-backwards", "hopper", "hop"),
        ("pendulum-spin", "pendulum", "swingup"),
    ],
)
def test_a_custom_task_differs_from_the_suites_in_its_reward_alone(name, domain, task):
    same_episode(mt30.load(name, 5), suite.load(domain, task, task_kwargs={"random": 5}), rewards=False)


def same_episode(mine, theirs, rewards):
    assert mine.control_timestep() == theirs.control_timestep() and mine._step_limit == theirs._step_limit
    left, right = mine.reset(), theirs.reset()
    actions = np.random.RandomState(0).uniform(-1, 1, (20, *theirs.action_spec().shape))
    for action in [None, *actions]:
        if action is not None:
            left, right = mine.step(action), theirs.step(action)
            assert left.reward == right.reward or not rewards
        assert list(left.observation) == list(right.observation)
        for name, value in right.observation.items():
            assert np.array_equal(left.observation[name], value)


@pytest.mark.parametrize("task", ["cup-spin", "reacher-three-easy"])
def test_a_batch_of_a_custom_task_goes_on_bit_for_bit(task):
    check_state_roundtrip(lambda num_envs: DmcVectorEnv(task, num_envs, episode_length=20))
    check_independence(lambda num_envs: DmcVectorEnv(task, num_envs))


def test_the_dmc_suite_knows_all_of_them():
    assert len(CUSTOM) == 11
    assert {dmc_tasks.find(name) for name in CUSTOM} == set(dmc_tasks.CUSTOM_TASKS)


def test_an_unknown_task_names_near_ones():
    with pytest.raises(WmzooError, match=r"'cheetah-jumps': did you mean cheetah-jump.* there are 30 in MT30"):
        mt30.load("cheetah-jumps")
    with pytest.raises(WmzooError, match="30 in MT30"):
        mt30.load("humanoid-walk")  # of the suite, but not of MT30

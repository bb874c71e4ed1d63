"""Actions in [-1, 1] against the bounds of every task there is, those that mean "unlimited" among them."""

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.envs.mujoco import MujocoEnv

from wmzoo.envs import dmc_tasks
from wmzoo.envs.dmc import DmcVectorEnv
from wmzoo.envs.gymnasium import GymnasiumVectorEnv
from wmzoo.envs.gymnasium_simulator import MakeGymnasiumSimulators
from wmzoo.envs.simulator import ActionRange
from wmzoo.errors import WmzooError

FLOAT, INT = np.finfo(np.float32).max, np.iinfo(np.int32).max
ENDS = [-1.0, -0.25, 0.0, 0.5, 1.0]
MUJOCO = sorted(
    spec.id
    for spec in gymnasium.registry.values()
    if str(spec.entry_point).startswith("gymnasium.envs.mujoco") and spec.id != "Pusher-v4"  # not with MuJoCo 3
)
UNLIMITED = """<mujoco><option timestep="0.01"/><worldbody><body><geom size="0.1"/>
<joint name="x" type="slide" axis="1 0 0"/><joint name="y" type="slide" axis="0 1 0"/></body></worldbody>
<actuator><motor joint="x" gear="3"/><motor joint="y" ctrlrange="-0.5 0.1" ctrllimited="true"/></actuator></mujoco>"""


class Pushed(MujocoEnv):
    """A mass that two motors push, one of them without limits; the reward is the sum of what they were told."""

    metadata = {"render_modes": ["human", "rgb_array", "depth_array", "rgbd_tuple"]}  # noqa: RUF012

    def __init__(self, model, **kwargs):
        space = gymnasium.spaces.Box(-np.inf, np.inf, (4,))
        super().__init__(model, 1, space, **kwargs)

    def step(self, action):
        self.do_simulation(action, self.frame_skip)
        return self._obs(), self.data.ctrl.sum(), False, False, {}

    def reset_model(self):
        self.set_state(self.init_qpos, self.init_qvel)
        return self._obs()

    def _obs(self):
        return np.concatenate([self.data.qpos, self.data.qvel]).astype(np.float32)


class Boxed(gymnasium.Env):
    """Keeps the actions that it was given, in a space that a test chooses."""

    observation_space = gymnasium.spaces.Box(-1, 1, (1,))

    def __init__(self, space):
        self.action_space, self.taken = space, []

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(1, dtype=np.float32), {}

    def step(self, action):
        self.taken.append(action)
        return np.zeros(1, dtype=np.float32), 0.0, False, False, {}


@pytest.fixture
def registered(monkeypatch, tmp_path):
    monkeypatch.setattr(gymnasium.envs.registration, "registry", dict(gymnasium.registry))
    (tmp_path / "pushed.xml").write_text(UNLIMITED)
    kwargs = {"model": str(tmp_path / "pushed.xml")}
    gymnasium.register("Pushed-v0", entry_point=Pushed, kwargs=kwargs, max_episode_steps=10)
    gymnasium.register("Boxed-v0", entry_point=Boxed, max_episode_steps=10)


def taken(space, action):
    """What an environment with this action space is given for one action [A]."""
    env = GymnasiumVectorEnv("Boxed-v0", 1, options={"space": space}, backend="serial")
    env.reset(0)
    env.step(torch.tensor([action], dtype=torch.float64))
    return env.pool.simulators[0].task.taken[0]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-np.inf, np.inf, ENDS),
        (-1e10, 1e10, ENDS),
        (-FLOAT, FLOAT, ENDS),
        (-INT - 1.0, INT, ENDS),
        (0, np.inf, [0, 0, 0, 0.5, 1]),
        (0, FLOAT, [0, 0, 0, 0.5, 1]),
        (-np.inf, 0.25, [-1, -0.25, 0, 0.25, 0.25]),
        (-1e10, 0.25, [-1, -0.25, 0, 0.25, 0.25]),
        (-1, 1, ENDS),
        (2, 6, [2, 3.5, 4, 5, 6]),
        (-1000, 1000, [-1000, -250, 0, 500, 1000]),
    ],
)
def test_without_a_bound_the_action_itself_is_taken_clipped_to_the_other_and_with_two_it_is_linear(low, high, expected):
    native = ActionRange(np.full(5, low), np.full(5, high)).native(np.array(ENDS))
    np.testing.assert_array_equal(native, expected)


@pytest.mark.parametrize(
    ("low", "high"), [(0, 0), (3, 3), (1, -1), (5, np.inf), (1, np.inf), (-np.inf, -2), (np.nan, 1)]
)
def test_a_dimension_in_which_no_action_makes_a_difference_is_refused_by_its_number(low, high):
    with pytest.raises(WmzooError, match=r"^Arm-v0: action 1 of 2 .*\[.*\]") as refused:
        ActionRange(np.array([-1, low]), np.array([1, high]), "Arm-v0")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("low", "high", "dtype", "action", "expected"),
    [
        (0, 10, np.int32, [0.18, -0.99], [6, 0]),  # 5.9 and 0.05; truncated, the first would be 5
        (-3, 3, np.int64, [-0.55, 0.55], [-2, 2]),  # -1.65 and 1.65
        (0, 255, np.uint8, [1.0, -1.0], [255, 0]),
        (-INT - 1, INT, np.int32, [0.9, -0.2], [1, 0]),  # unlimited
    ],
)
def test_integer_actions_are_rounded(registered, low, high, dtype, action, expected):
    got = taken(gymnasium.spaces.Box(low, high, (2,), dtype=dtype), action)
    assert got.dtype == dtype and got.tolist() == expected


@pytest.mark.parametrize("backend", ["serial", "threads"])
def test_an_actuator_without_a_range_takes_the_action_itself_and_its_neighbour_its_own(registered, backend):
    env = GymnasiumVectorEnv("Pushed-v0", 1, backend=backend)
    env.reset(0)
    got = env.step(torch.tensor([[0.75, 1.0]]))
    assert got.reward.item() == pytest.approx(0.75 + 0.1)
    assert got.obs[0, 2] > 0 and got.obs[0, 3] > 0


def test_a_wrapper_that_clips_lets_an_actuator_without_a_range_move(registered):
    clip = gymnasium.envs.registration.WrapperSpec("Clip", "gymnasium.wrappers:ClipAction", {})
    spec = gymnasium.spec("Pushed-v0")
    spec.additional_wrappers = (clip,)
    (simulator,) = MakeGymnasiumSimulators(spec, {}, 1)(1)
    simulator.reset()
    assert simulator.step(np.array([0.75, 0.0])).reward == pytest.approx(0.75)


def test_an_unlimited_task_of_the_suite_gives_dm_controls_reward_of_the_action_itself():
    env = DmcVectorEnv("lqr-lqr_2_1", 1, action_repeat=1, backend="serial")
    env.reset(3)
    simulator = env.pool.simulators[0]
    position, velocity = simulator.physics.position(), simulator.physics.velocity()
    got = env.step(torch.ones(1, 1))
    # dm_control's reward: 1 - (position² / 2 + control² · 0.05), of the state that the step has reached
    assert np.abs(np.concatenate([position, velocity])).max() < 10
    reached = got.final_obs[0, : len(position)].double().numpy()
    assert got.reward.item() == pytest.approx(1 - (0.5 * reached @ reached + 0.05), abs=1e-5)


@pytest.mark.slow
def test_every_task_of_the_control_suite_takes_actions_of_sensible_size():
    for domain, name in dmc_tasks.TASKS:
        spec = dmc_tasks.load(domain, name, random=0).action_spec()
        low, high = (np.broadcast_to(bound, spec.shape) for bound in (spec.minimum, spec.maximum))
        assert_sensible(f"{domain}-{name}", low, high)


@pytest.mark.filterwarnings("ignore:.*out of date")
@pytest.mark.parametrize("task", MUJOCO)
def test_every_mujoco_task_of_gymnasium_takes_actions_of_sensible_size(task):
    (simulator,) = MakeGymnasiumSimulators(gymnasium.spec(task), {}, 1)(1)
    space = simulator.env.action_space
    assert_sensible(task, space.low, space.high, simulator.native)
    simulator.close()


def assert_sensible(task, low, high, native=None):
    """The ends of [-1, 1] are the bounds where there are two, else themselves; nothing exceeds what moves a body."""
    native = native or ActionRange(low, high, task).native
    least, most = (native(np.full(len(low), end)) for end in (-1.0, 1.0))
    limited = (np.abs(low) < 1e9) & (np.abs(high) < 1e9)
    np.testing.assert_allclose(least, np.where(limited, low, -1), rtol=1e-6, err_msg=task)
    np.testing.assert_allclose(most, np.where(limited, high, 1), rtol=1e-6, err_msg=task)
    assert np.abs([least, most]).max() <= 10, task

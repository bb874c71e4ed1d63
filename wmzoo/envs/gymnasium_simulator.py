"""One Gymnasium environment as a simulator of a batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from wmzoo.envs import mujoco_state, rendering
from wmzoo.envs.simulator import ActionRange, Facts, SimulatorStep
from wmzoo.errors import WmzooError, named

rendering.choose_backend()  # first: mujoco reads the choice at import
import gymnasium  # noqa: E402
import mujoco  # noqa: E402

SUITES = ("gymnasium.envs.mujoco", "gymnasium.envs.classic_control")
_CLASSIC_TIMESTEP = 1 / 30  # seconds, where an environment does not tell


@dataclass(frozen=True)
class MakeGymnasiumSimulators:
    """Makes environments of a registered spec. options: given to gymnasium.make."""

    spec: Any
    options: dict[str, Any]
    action_repeat: int

    @property
    def light(self) -> bool:
        """Whether a step is a few lines of Python (see envs/backend.py)."""
        return is_light(self.spec)

    def __call__(self, count: int) -> list[GymnasiumSimulator]:
        return [GymnasiumSimulator(self._environment(), self.action_repeat) for _ in range(count)]

    def _environment(self) -> Any:
        """WmzooError where what it needs is not installed, or an option is not one of its."""
        try:  # max_episode_steps=-1: no TimeLimit, the batch counts.
            return gymnasium.make(self.spec, **{"max_episode_steps": -1, "disable_env_checker": True} | self.options)
        except Exception as error:  # whatever an environment makes of its options
            what = named(error)
            raise WmzooError(f"gymnasium cannot make {self.spec.id} ({what})") from error


def is_light(spec: Any) -> bool:
    """Classic control: Pendulum-v1, CartPole-v1 …"""
    return str(spec.entry_point).startswith("gymnasium.envs.classic_control")


class GymnasiumSimulator:
    """One Gymnasium environment."""

    def __init__(self, env: Any, action_repeat: int) -> None:
        self.env = env
        self.task = env.unwrapped
        self.action_repeat = action_repeat
        self._physical = isinstance(getattr(self.task, "model", None), mujoco.MjModel)
        name = env.spec.id
        if not self._physical and not type(self.task).__module__.startswith(SUITES):
            raise WmzooError(f"{name} is neither a MuJoCo nor a classic control task: its state cannot be saved")
        spaces = gymnasium.spaces
        if not isinstance(env.action_space, spaces.Box) or not isinstance(env.observation_space, spaces.Box):
            raise WmzooError(f"{name} needs {env.action_space}; only continuous actions and vectors are supported")
        self._actions = ActionRange(env.action_space.low.ravel(), env.action_space.high.ravel())
        if self._physical:
            self.model, self.data, self.sub_steps = self.task.model, self.task.data, self.task.frame_skip
        self._original_model = mujoco_state.ModelArrays(self.model) if self._physical else None
        self._pictures = rendering.Pictures()
        self._seed: int | None = None
        obs_dim, act_dim = (int(np.prod(space.shape)) for space in (env.observation_space, env.action_space))
        timestep = float(getattr(self.task, "dt", _CLASSIC_TIMESTEP))
        self.facts = Facts(obs_dim, act_dim, timestep * action_repeat, None)

    def seed(self, seed: int) -> None:
        if self._original_model is not None:
            self._original_model.restore(self.model)
        self._seed = seed

    def reset(self) -> np.ndarray:
        obs, _ = self.env.reset(seed=self._seed)
        self._seed = None  # Gymnasium goes on with its own generator from here
        return np.ravel(obs)

    def step(self, action: np.ndarray) -> SimulatorStep:
        native = self.native(action).reshape(self.env.action_space.shape)
        total = 0.0
        for _ in range(self.action_repeat):
            obs, reward, terminated, truncated, info = self.env.step(native)
            total += float(reward)
            if terminated or truncated:
                break
        success = info.get("success", info.get("is_success"))
        return SimulatorStep(
            np.ravel(obs),
            total,
            bool(terminated),
            bool(truncated and not terminated),
            None if success is None else float(success),
        )

    @property
    def drawn(self) -> Mapping[str, np.ndarray]:
        """Every environment has a model of its own."""
        return {}

    def native(self, actions: np.ndarray) -> np.ndarray:
        """Actions [..., A] in [-1, 1] as the environment takes them."""
        native: np.ndarray = self._actions.native(actions).astype(self.env.action_space.dtype)
        return native

    def advance(self) -> None:
        """The physics of one step of a MuJoCo task, with data.ctrl: MujocoEnv.do_simulation."""
        mujoco.mj_step(self.model, self.data, self.sub_steps)
        mujoco.mj_rnePostConstraint(self.model, self.data)

    def refresh(self) -> None:
        """Nothing: Gymnasium leaves what depends on positions where the last sub-step had it."""

    def render(self, width: int, height: int) -> np.ndarray:
        self.check_rendering()
        return self._pictures.draw(self.model, self.data, self._camera(), width, height)

    def check_rendering(self) -> None:
        if not self._physical:
            raise WmzooError(f"{self.env.spec.id} cannot be drawn: only MuJoCo tasks can")
        rendering.require_backend()

    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = {
            "task": mujoco_state.attributes(self.task),
            "random": mujoco_state.generator_state(self.task.np_random),
        }
        if self._original_model is not None:
            model, data = self.model, self.data
            state["integration"] = mujoco_state.integration_state(model, data)
            # Tasks read quantities of the last step (Ant: the torso's place) before they take the next.
            state["derived"] = mujoco_state.derived(model, data)
            state["model"] = self._original_model.changes(model)
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        self.env.reset(seed=0)  # creates what exists only in a running episode, the generator among it
        self._seed = None
        mujoco_state.set_attributes(self.task, state["task"])
        mujoco_state.set_generator_state(self.task.np_random, state["random"])
        if self._original_model is not None:
            model, data = self.model, self.data
            self._original_model.restore(model, state["model"])
            mujoco_state.set_integration_state(model, data, state["integration"])
            mujoco_state.set_derived(data, state["derived"])

    def close(self) -> None:
        self._pictures.close()
        self.env.close()

    def _camera(self) -> Any:
        """The free camera, placed as the task asks for."""
        camera = mujoco.MjvCamera()
        mujoco.mjv_defaultFreeCamera(self.model, camera)
        for name, value in (self.task.mujoco_renderer.default_cam_config or {}).items():
            if isinstance(value, np.ndarray):
                getattr(camera, name)[:] = value
            else:
                setattr(camera, name, value)
        if "trackbodyid" in (self.task.mujoco_renderer.default_cam_config or {}):
            camera.type = mujoco.mjtCamera.mjCAMERA_TRACKING
        return camera

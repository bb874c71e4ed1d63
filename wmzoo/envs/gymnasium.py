"""Gymnasium's MuJoCo tasks (Hopper-v5, HalfCheetah-v5, Ant-v5 …) and its continuous classic control."""

from __future__ import annotations

import difflib
import math
from typing import Any

import numpy as np

from wmzoo.envs import rendering
from wmzoo.envs.serial import ActionRange, SerialVectorEnv, SimulatorStep, check_backend
from wmzoo.errors import WmzooError, one_line

rendering.choose_backend()  # first: mujoco reads the choice at import
import gymnasium  # noqa: E402
import mujoco  # noqa: E402

from wmzoo.envs import mujoco_state  # noqa: E402

_SUITES = ("gymnasium.envs.mujoco", "gymnasium.envs.classic_control")
_CONTINUOUS_CLASSIC = ("Pendulum-v1", "MountainCarContinuous-v0")


class GymnasiumVectorEnv(SerialVectorEnv):
    """B copies of one Gymnasium task.

    task: its id.  action_repeat: steps per agent step, the reward is their sum.  episode_length: agent steps
    until truncation; by default the registered limit (1000 for the MuJoCo tasks) divided by the action
    repeat.  options: given to gymnasium.make.  `success` is what the task puts into info["success"] or
    info["is_success"]. Raises WmzooError for an unknown task, one without continuous actions, or one whose
    state cannot be saved.
    """

    def __init__(
        self,
        task: str,
        num_envs: int,
        action_repeat: int = 1,
        episode_length: int | None = None,
        options: dict[str, Any] | None = None,
        backend: str = "serial",
        device: str = "cpu",
    ) -> None:
        check_backend(backend, num_envs)
        spec = find_task(task)
        if episode_length is None:
            if spec.max_episode_steps is None:
                raise WmzooError(f"{task} has no episode length of its own: set env.episode_length")
            episode_length = math.ceil(spec.max_episode_steps / action_repeat)
        # max_episode_steps=-1: no TimeLimit, the batch counts.
        given = {"max_episode_steps": -1, "disable_env_checker": True} | (options or {})
        simulators = [GymnasiumSimulator(make(spec, given), action_repeat) for _ in range(num_envs)]
        self.task = spec.id
        self.control_timestep = float(getattr(simulators[0].env.unwrapped, "dt", 1 / 30)) * action_repeat
        super().__init__(simulators, episode_length, device)


def find_task(task: str) -> Any:
    """The registered spec of `task`, or WmzooError with what was perhaps meant."""
    try:
        return gymnasium.spec(task)
    except gymnasium.error.Error as error:
        near = difflib.get_close_matches(task, task_names(), n=3)
        hint = f"; did you mean {', '.join(near)}?" if near else "."
        message = f"gymnasium has no task {task!r}{hint} The list: python -m wmzoo.envs.gymnasium"
        raise WmzooError(message) from error


def make(spec: Any, given: dict[str, Any]) -> Any:
    """The environment; WmzooError where what it needs is not installed, or an option is not one of its."""
    try:
        return gymnasium.make(spec, **given)
    except Exception as error:  # whatever an environment makes of its options
        what = f"{type(error).__name__}: {one_line(error)}"
        raise WmzooError(f"gymnasium cannot make {spec.id} ({what})") from error


def task_names() -> list[str]:
    """Tasks that work here: the newest MuJoCo ones and continuous classic control."""
    specs = gymnasium.registry.values()
    newest = [spec.id for spec in specs if spec.version == 5 and str(spec.entry_point).startswith(_SUITES[0])]
    return sorted([*newest, *_CONTINUOUS_CLASSIC])


class GymnasiumSimulator:
    """One Gymnasium environment."""

    def __init__(self, env: Any, action_repeat: int) -> None:
        self.env = env
        self._task = env.unwrapped
        self._action_repeat = action_repeat
        self._physical = isinstance(getattr(self._task, "model", None), mujoco.MjModel)
        name = env.spec.id
        if not self._physical and not type(self._task).__module__.startswith(_SUITES):
            raise WmzooError(f"{name} is neither a MuJoCo nor a classic control task: its state cannot be saved")
        spaces = gymnasium.spaces
        if not isinstance(env.action_space, spaces.Box) or not isinstance(env.observation_space, spaces.Box):
            raise WmzooError(f"{name} needs {env.action_space}; only continuous actions and vectors are supported")
        self._actions = ActionRange(env.action_space.low.ravel(), env.action_space.high.ravel())
        self._original_model = mujoco_state.ModelArrays(self._task.model) if self._physical else None
        self._pictures = rendering.Pictures()
        self._seed: int | None = None
        self.act_dim = int(np.prod(env.action_space.shape))
        self.obs_dim = int(np.prod(env.observation_space.shape))

    def seed(self, seed: int) -> None:
        if self._original_model is not None:
            self._original_model.restore(self._task.model)
        self._seed = seed

    def reset(self) -> np.ndarray:
        obs, _ = self.env.reset(seed=self._seed)
        self._seed = None  # Gymnasium goes on with its own generator from here
        return np.ravel(obs)

    def step(self, action: np.ndarray) -> SimulatorStep:
        space = self.env.action_space
        native = self._actions.native(action).reshape(space.shape).astype(space.dtype)
        total = 0.0
        for _ in range(self._action_repeat):
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

    def render(self, width: int, height: int) -> np.ndarray:
        self.check_rendering()
        return self._pictures.draw(self._task.model, self._task.data, self._camera(), width, height)

    def check_rendering(self) -> None:
        if not self._physical:
            raise WmzooError(f"{self.env.spec.id} cannot be drawn: only MuJoCo tasks can")
        rendering.require_backend()

    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = {
            "task": mujoco_state.attributes(self._task),
            "random": mujoco_state.generator_state(self._task.np_random),
        }
        if self._original_model is not None:
            model, data = self._task.model, self._task.data
            state["integration"] = mujoco_state.integration_state(model, data)
            # Tasks read quantities of the last step (Ant: the torso's place) before they take the next.
            state["derived"] = mujoco_state.derived(model, data)
            state["model"] = self._original_model.changes(model)
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        self.env.reset(seed=0)  # creates what exists only in a running episode, the generator among it
        self._seed = None
        mujoco_state.set_attributes(self._task, state["task"])
        mujoco_state.set_generator_state(self._task.np_random, state["random"])
        if self._original_model is not None:
            model, data = self._task.model, self._task.data
            self._original_model.restore(model, state["model"])
            mujoco_state.set_integration_state(model, data, state["integration"])
            mujoco_state.set_derived(data, state["derived"])

    def close(self) -> None:
        self._pictures.close()
        self.env.close()

    def _camera(self) -> Any:
        """The free camera, placed as the task asks for."""
        camera = mujoco.MjvCamera()
        mujoco.mjv_defaultFreeCamera(self._task.model, camera)
        for name, value in (self._task.mujoco_renderer.default_cam_config or {}).items():
            if isinstance(value, np.ndarray):
                getattr(camera, name)[:] = value
            else:
                setattr(camera, name, value)
        if "trackbodyid" in (self._task.mujoco_renderer.default_cam_config or {}):
            camera.type = mujoco.mjtCamera.mjCAMERA_TRACKING
        return camera


def main() -> None:
    """Print every task, one per line."""
    print("\n".join(task_names()))


if __name__ == "__main__":
    main()

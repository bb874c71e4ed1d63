"""The DeepMind control suite, any task as "domain-task": cartpole-swingup, cheetah-run, ball_in_cup-catch …"""

from __future__ import annotations

import copy
import difflib
import math
from typing import Any

import numpy as np

from wmzoo.envs import rendering
from wmzoo.envs.serial import SerialVectorEnv, SimulatorStep
from wmzoo.errors import WmzooError

rendering.choose_backend()  # first: mujoco and dm_control read the choice at import
import mujoco  # noqa: E402
from dm_control import suite  # noqa: E402

from wmzoo.envs import mujoco_state  # noqa: E402

# The names under which other codebases (TD-MPC2, PWM) know a domain.
_DOMAIN_ALIASES = {"cup": "ball_in_cup", "pointmass": "point_mass"}
_DEFAULT_EPISODE = 1000  # raw steps; used where the task has no time limit (lqr)


class DmcVectorEnv(SerialVectorEnv):
    """B copies of one dm_control suite task.

    task: "domain-task"; hyphens and underscores are the same.  action_repeat: raw control steps per agent step, the
    reward is their sum.  episode_length: agent steps until truncation; by default the task's own time limit, 1000 raw
    control steps.  Observations are the values of the task's observation dict in its order, flattened. Actions in
    [-1, 1] are mapped to the actuators' ranges; an actuator without a range takes the action itself.
    Raises WmzooError for an unknown task.
    """

    def __init__(
        self,
        task: str,
        num_envs: int,
        action_repeat: int = 2,
        episode_length: int | None = None,
        device: str = "cpu",
    ) -> None:
        domain, name = split_task(task, suite.ALL_TASKS)
        # One compilation; a fixed seed so that a task whose model is drawn at random (lqr) is the same in every run.
        first = suite.load(domain, name, task_kwargs={"random": 0})
        if episode_length is None:
            limit = first._step_limit if math.isfinite(first._step_limit) else _DEFAULT_EPISODE
            episode_length = math.ceil(round(limit) / action_repeat)
        simulators = [DmcSimulator(first.physics, first.task, first._n_sub_steps, action_repeat)]
        for _ in range(num_envs - 1):
            physics = first.physics.copy()
            physics.legacy_step = first.physics.legacy_step
            task_copy = copy.deepcopy(first.task)
            simulators.append(DmcSimulator(physics, task_copy, first._n_sub_steps, action_repeat))
        self.task = f"{domain}-{name}"
        super().__init__(simulators, episode_length, device)


def split_task(task: str, known: tuple[tuple[str, str], ...]) -> tuple[str, str]:
    """("ball_in_cup", "catch") for "ball_in_cup-catch", "cup-catch", "ball-in-cup-catch" …, or WmzooError."""
    names = {_plain(f"{domain}-{name}"): (domain, name) for domain, name in known}
    for alias, domain in _DOMAIN_ALIASES.items():
        names |= {_plain(f"{alias}-{name}"): (d, name) for d, name in known if d == domain}
    if _plain(task) in names:
        return names[_plain(task)]
    near = difflib.get_close_matches(_plain(task), names, n=3)
    hint = f"; did you mean {', '.join('-'.join(names[match]) for match in near)}?" if near else "."
    raise WmzooError(f"dm_control has no task {task!r}{hint} The list: python -m wmzoo.envs.dmc")


def _plain(task: str) -> str:
    return task.lower().replace("-", "_")


class DmcSimulator:
    """One dm_control task, stepped without dm_control's Environment: the observation is computed once per agent step.

    The sequence per raw step is that of dm_control.rl.control.Environment.step.
    """

    def __init__(self, physics: Any, task: Any, sub_steps: int, action_repeat: int) -> None:
        self.physics = physics
        self.task = task
        self._sub_steps = sub_steps
        self._action_repeat = action_repeat
        self._original_model = mujoco_state.ModelArrays(physics.model.ptr)
        spec = task.action_spec(physics)
        low = np.broadcast_to(spec.minimum, spec.shape)
        high = np.broadcast_to(spec.maximum, spec.shape)
        bounded = np.isfinite(low) & np.isfinite(high)
        self._low = np.where(bounded, low, -1.0)
        self._high = np.where(bounded, high, 1.0)
        self._middle = (self._low + self._high) / 2
        self._half = (self._high - self._low) / 2
        self.act_dim = int(np.prod(spec.shape))
        self.obs_dim = self.reset().size

    def seed(self, seed: int) -> None:
        self._original_model.restore(self.physics.model.ptr)
        self.task.random.seed(seed)

    def reset(self) -> np.ndarray:
        with self.physics.reset_context():
            self.task.initialize_episode(self.physics)
        return self._observation()

    def step(self, action: np.ndarray) -> SimulatorStep:
        physics, task = self.physics, self.task
        native = np.clip(self._middle + self._half * action, self._low, self._high)
        reward, discount = 0.0, None
        for _ in range(self._action_repeat):
            task.before_step(native, physics)
            physics.step(self._sub_steps)
            task.after_step(physics)
            reward += task.get_reward(physics)
            discount = task.get_termination(physics)
            if discount is not None:
                break
        terminated = discount is not None and discount == 0.0
        return SimulatorStep(self._observation(), reward, terminated, discount is not None and not terminated, None)

    def render(self, width: int, height: int) -> np.ndarray:
        rendering.require_backend()
        frame: np.ndarray = self.physics.render(height=height, width=width, camera_id=0)
        return frame

    def state(self) -> dict[str, Any]:
        model, data = self.physics.model.ptr, self.physics.data.ptr
        return {
            "integration": mujoco_state.integration_state(model, data),
            "model": self._original_model.changes(model),
            "task": mujoco_state.attributes(self.task),
            "random": mujoco_state.random_state(self.task.random),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        model, data = self.physics.model.ptr, self.physics.data.ptr
        self._original_model.restore(model, state["model"])
        mujoco_state.set_integration_state(model, data, state["integration"])
        # dm_control keeps position and velocity dependent quantities up to date after every step.
        mujoco.mj_step1(model, data)
        mujoco_state.set_attributes(self.task, state["task"])
        mujoco_state.set_random_state(self.task.random, state["random"])

    def close(self) -> None:
        self.physics.free()

    def _observation(self) -> np.ndarray:
        values = self.task.get_observation(self.physics).values()
        return np.concatenate([np.ravel(value) for value in values])


def main() -> None:
    """Print every task, one per line."""
    print("\n".join(f"{domain}-{name}" for domain, name in suite.ALL_TASKS))


if __name__ == "__main__":
    main()

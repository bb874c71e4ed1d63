"""One task of the DeepMind control suite as a simulator of a batch."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
import torch
from dm_control.mujoco import Physics

from wmzoo.envs import mujoco_state, rendering
from wmzoo.envs.serial import ActionRange, SimulationError, SimulatorStep

_WARNINGS = tuple(mujoco.mjtWarning.__members__)


class DmcSimulator:
    """One dm_control task, stepped without dm_control's Environment.

    The sequence per raw control step is that of dm_control.rl.control.Environment.step, and the results are
    the same bit for bit; the observation is computed once per agent step. Copies of a task share one model, but
    for the fields in `drawn`, which a reset sets; their values before any reset are given.
    """

    def __init__(
        self,
        physics: Any,
        task: Any,
        drawn: dict[str, np.ndarray],
        sub_steps: int,
        action_repeat: int,
    ) -> None:
        self.physics = physics
        self.task = task
        self._sub_steps = sub_steps
        self._action_repeat = action_repeat
        self._model, self._data = physics.model.ptr, physics.data.ptr
        self._drawn = drawn
        self._own = drawn
        self._shared = {name: getattr(self._model, name) for name in drawn}  # views into the model
        self._warnings = self._data.warning.number  # a view
        self._plain = type(physics).step is Physics.step and physics.legacy_step
        self._rk4 = physics.model.opt.integrator == mujoco.mjtIntegrator.mjINT_RK4
        spec = task.action_spec(physics)
        low = np.broadcast_to(spec.minimum, spec.shape)
        self._actions = ActionRange(low, np.broadcast_to(spec.maximum, spec.shape))
        self._pictures = rendering.Pictures()
        self.act_dim = int(np.prod(spec.shape))
        self.obs_dim = self.reset().size

    def seed(self, seed: int) -> None:
        self._own = self._drawn
        self.task.random.seed(seed)

    def reset(self) -> np.ndarray:
        self._use_own_model()
        with self.physics.reset_context():
            self.task.initialize_episode(self.physics)
        self._own = {name: value.copy() for name, value in self._shared.items()}
        return self._observation()

    def step(self, action: np.ndarray) -> SimulatorStep:
        physics, task = self.physics, self.task
        native = self._actions.native(action)
        self._use_own_model()
        reward, discount = 0.0, None
        for _ in range(self._action_repeat):
            task.before_step(native, physics)
            self._advance()
            task.after_step(physics)
            reward += task.get_reward(physics)
            discount = task.get_termination(physics)
            if discount is not None:
                break
        terminated = discount is not None and discount == 0.0
        return SimulatorStep(self._observation(), reward, terminated, discount is not None and not terminated, None)

    def render(self, width: int, height: int) -> np.ndarray:
        self._use_own_model()
        camera = 0 if self.physics.model.ncam else -1
        return self._pictures.draw(self._model, self._data, camera, width, height)

    def check_rendering(self) -> None:
        rendering.require_backend()

    def state(self) -> dict[str, Any]:
        model, data = self._model, self._data
        return {
            "integration": mujoco_state.integration_state(model, data),
            "model": {name: torch.from_numpy(value.copy()) for name, value in self._own.items()},
            "task": mujoco_state.attributes(self.task),
            "random": mujoco_state.random_state(self.task.random),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        model, data = self._model, self._data
        self._own = {name: value.numpy().copy() for name, value in state["model"].items()}
        self._use_own_model()
        mujoco_state.set_integration_state(model, data, state["integration"])
        # dm_control keeps position and velocity dependent quantities up to date after every step.
        mujoco.mj_step1(model, data)
        mujoco_state.set_attributes(self.task, state["task"])
        mujoco_state.set_random_state(self.task.random, state["random"])

    def close(self) -> None:
        self._pictures.close()
        self.physics.free()

    def _use_own_model(self) -> None:
        """Put this copy's drawn fields into the model that all copies share."""
        for name, value in self._own.items():
            self._shared[name][...] = value

    def _advance(self) -> None:
        """dm_control's Physics.step without its context managers, which cost more than small models do.

        Finishes the step that mj_step1 began at the end of the last one, takes the other sub-steps, and
        brings positions and velocities up to date.
        """
        if not self._plain:
            self.physics.step(self._sub_steps)
            return
        model, data = self._model, self._data
        warnings = self._warnings.tobytes()
        if self._rk4:
            mujoco.mj_step(model, data, self._sub_steps)
        else:
            mujoco.mj_step2(model, data)
            if self._sub_steps > 1:
                mujoco.mj_step(model, data, self._sub_steps - 1)
        mujoco.mj_step1(model, data)
        if self._warnings.tobytes() != warnings:
            raised = [name for name, n in zip(_WARNINGS, self._warnings, strict=False) if n]
            raise SimulationError(f"the simulation became invalid: MuJoCo's warnings are {', '.join(raised)}")

    def _observation(self) -> np.ndarray:
        values = self.task.get_observation(self.physics).values()
        return np.concatenate([np.ravel(value) for value in values])

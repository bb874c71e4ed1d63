"""One task of the DeepMind control suite as a simulator of a batch."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np

from wmzoo.envs import mujoco_state, rendering
from wmzoo.envs.simulator import ActionRange, Facts, RawSteps, SimulationError, SimulatorStep, own_limit
from wmzoo.errors import WmzooError

rendering.choose_backend()  # first: dm_control reads the choice at import
from dm_control.mujoco import Physics  # noqa: E402

from wmzoo.envs import dmc_tasks  # noqa: E402

_WARNINGS = tuple(mujoco.mjtWarning.__members__)
MIXED = {"egocentric_state", "imu", "inertial_sensors"}  # observations that hold velocities among others
_DEFAULT_EPISODE = 1000  # raw steps; used where the task has no time limit (lqr)

if not hasattr(np, "in1d"):  # numpy 2.4 removed it; dm_control 1.0.28's quadruped still calls it
    setattr(np, "in1d", np.isin)  # noqa: B010


@dataclass(frozen=True)
class MakeDmcSimulators:
    """Makes copies of a task that share one model, which holds 10 MB of textures.

    episode_length: agent steps asked for; None for the task's own time limit.
    """

    domain: str
    name: str
    action_repeat: int
    episode_length: int | None = None

    def __call__(self, count: int) -> list[DmcSimulator]:
        # Compiled once, and with a fixed seed: a model drawn at random (lqr) is the same in every run.
        first = dmc_tasks.load(self.domain, self.name, random=0)
        without_contexts(first.physics)
        limit = first._step_limit if math.isfinite(first._step_limit) else _DEFAULT_EPISODE
        raw_steps = own_limit(round(limit), self.action_repeat, self.episode_length)
        time_limit = math.ceil(round(limit) / self.action_repeat)
        drawn = _drawn_fields(first)
        made = []
        for index in range(count):
            physics, task = first.physics, first.task
            if index:
                physics, task = physics.copy(share_model=True), copy.deepcopy(task)
                physics.legacy_step = first.physics.legacy_step
            raw = RawSteps(self.action_repeat, raw_steps)
            made.append(DmcSimulator(physics, task, drawn, first._n_sub_steps, raw, time_limit))
        return made


def without_contexts(physics: Any) -> None:
    """Keep a Physics, and its copies, from making dm_control's GL contexts, by which nothing here draws.

    quadruped-escape makes one as its first episode begins, to give it each terrain; so its numbers would need a machine
    that draws, and every step the thread that made the context. Told that there is none, the task gives it to none.
    """
    kind = type(physics)
    physics.__class__ = type(kind.__name__, (kind,), {"contexts": None})


def _drawn_fields(environment: Any) -> dict[str, np.ndarray]:
    """The model's arrays that the task sets at resets (a target's place, the terrain …), as they were before any.

    They are a part of every copy's state; the rest of the model is shared.
    """
    original = mujoco_state.ModelArrays(environment.physics.model.ptr)
    names: set[str] = set()
    for _ in range(3):
        environment.reset()
        names |= original.changes(environment.physics.model.ptr).keys()
    return {name: original[name] for name in sorted(names)}


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
        raw_steps: RawSteps,
        time_limit: int,
    ) -> None:
        self.physics, self.task = physics, task
        self.model, self.data = physics.model.ptr, physics.data.ptr
        self.sub_steps, self.raw_steps = sub_steps, raw_steps
        self.drawn = self._undrawn = drawn
        self._shared = {name: getattr(self.model, name) for name in drawn}  # views into the model
        self._warnings = self.data.warning.number  # a view
        self._plain = type(physics).step is Physics.step and physics.legacy_step
        self._rk4 = physics.model.opt.integrator == mujoco.mjtIntegrator.mjINT_RK4
        spec = task.action_spec(physics)
        low = np.broadcast_to(spec.minimum, spec.shape)
        self.native = ActionRange(low, np.broadcast_to(spec.maximum, spec.shape)).native
        self._pictures = rendering.Pictures()
        seconds = float(physics.timestep()) * sub_steps * raw_steps.repeat
        self.facts = Facts(self.reset().size, int(np.prod(spec.shape)), seconds, time_limit)

    def seed(self, seed: int) -> None:
        self.drawn = self._undrawn
        self.task.random.seed(seed)

    def reset(self) -> np.ndarray:
        self._use_own_model()
        with self.physics.reset_context():
            self.task.initialize_episode(self.physics)
        self.raw_steps.taken = 0
        self.drawn = {name: value.copy() for name, value in self._shared.items()}
        return self._observation()

    def step(self, action: np.ndarray) -> SimulatorStep:
        physics, task = self.physics, self.task
        native = self.native(action)
        self._use_own_model()
        reward, discount = 0.0, None
        for _ in range(self.raw_steps.next()):
            task.before_step(native, physics)
            self.advance()
            task.after_step(physics)
            reward += task.get_reward(physics)
            discount = task.get_termination(physics)
            if discount is not None:
                break
        terminated = discount is not None and discount == 0.0
        return SimulatorStep(self._observation(), reward, terminated, discount is not None and not terminated, None)

    def advance(self) -> None:
        """dm_control's Physics.step without its context managers, which cost more than small models do.

        Finishes the step that mj_step1 began at the end of the last one, takes the other sub-steps, and
        brings positions and velocities up to date.
        """
        if not self._plain:
            self.physics.step(self.sub_steps)
            return
        model, data = self.model, self.data
        warnings = self._warnings.tobytes()
        if self._rk4:
            mujoco.mj_step(model, data, self.sub_steps)
        else:
            mujoco.mj_step2(model, data)
            if self.sub_steps > 1:
                mujoco.mj_step(model, data, self.sub_steps - 1)
        mujoco.mj_step1(model, data)
        if self._warnings.tobytes() != warnings:
            raised = [name for name, n in zip(_WARNINGS, self._warnings, strict=False) if n]
            raise SimulationError(f"the simulation became invalid: MuJoCo's warnings are {', '.join(raised)}")

    def refresh(self) -> None:
        """Bring what depends on positions and velocities up to date, as `advance` leaves it."""
        self._use_own_model()
        mujoco.mj_step1(self.model, self.data)

    def velocities(self) -> np.ndarray:
        """bool [O]: the entries that the task calls velocities. WmzooError where it calls none so."""
        parts = self.task.get_observation(self.physics).items()
        names = [name for name, _ in parts]
        found = np.concatenate([np.full(np.size(value), "vel" in name) for name, value in parts])
        if not found.any() or not MIXED.isdisjoint(names):
            raise WmzooError(f"env.hide_velocities: {', '.join(names)} are not velocities, or not they alone")
        return found

    def render(self, width: int, height: int) -> np.ndarray:
        self._use_own_model()
        camera = 0 if self.physics.model.ncam else -1
        return self._pictures.draw(self.model, self.data, camera, width, height)

    def check_rendering(self) -> None:
        rendering.require_backend()

    def state(self) -> dict[str, Any]:
        return {
            "integration": mujoco_state.integration_state(self.model, self.data),
            "model": {name: value.copy() for name, value in self.drawn.items()},
            "task": mujoco_state.attributes(self.task),
            "random": mujoco_state.random_state(self.task.random),
            "raw_steps": self.raw_steps.taken,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        self.drawn = mujoco_state.alike(state["model"], self._undrawn)
        mujoco_state.set_integration_state(self.model, self.data, state["integration"])
        self.refresh()
        mujoco_state.set_attributes(self.task, state["task"])
        mujoco_state.set_random_state(self.task.random, state["random"])
        self.raw_steps.taken = state.get("raw_steps", 0)  # which older states lack

    def close(self) -> None:
        self._pictures.close()
        self.physics.free()

    def _use_own_model(self) -> None:
        """Put this copy's drawn fields into the model that all copies share."""
        for name, value in self.drawn.items():
            self._shared[name][...] = value

    def _observation(self) -> np.ndarray:
        values = self.task.get_observation(self.physics).values()
        return np.concatenate([np.ravel(value) for value in values])

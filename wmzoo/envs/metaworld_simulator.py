"""One Meta-World task as a simulator of a batch."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np

from wmzoo.envs import mujoco_state, rendering
from wmzoo.envs.simulator import Facts, RawSteps, SimulationError, SimulatorStep, own_limit

rendering.choose_backend()  # first: Meta-World reads the choice at import
from metaworld.env_dict import ENV_CLS_MAP  # noqa: E402

TASKS: dict[str, Any] = dict(ENV_CLS_MAP)
_TIME_LIMIT = 200  # raw steps, as in TD-MPC2 and PWM; Meta-World's own benchmarks take 500
_MOVED = ("body_pos", "site_pos")  # what the tasks set in their model at a reset; the rest is shared
_WARNINGS = tuple(mujoco.mjtWarning.__members__)


@dataclass(frozen=True)
class MakeMetaworldSimulators:
    """Makes copies of a task (Meta-World's name) that share one model, which takes 20 MB and 0.2 s to compile.

    episode_length: agent steps asked for; None for the time limit.
    """

    task: str
    action_repeat: int
    episode_length: int | None = None

    def __call__(self, count: int) -> list[MetaworldSimulator]:
        first = make(TASKS[self.task])
        # All are made before a reset of one moves things in the model.
        others = [make(TASKS[self.task], first.model) for _ in range(count - 1)]
        limit = own_limit(_TIME_LIMIT, self.action_repeat, self.episode_length)
        return [MetaworldSimulator(each, RawSteps(self.action_repeat, limit)) for each in (first, *others)]


def make(task: type[Any], model: Any = None) -> Any:
    """An environment of the class `task` that simulates `model`, or one that it compiles.

    Its goal is observed, and drawn at every reset from its own generator. Meta-World's goal-observable classes differ
    in that they draw from NumPy's global one.
    """
    if model is not None:
        task = type(task.__name__, (task,), {"_initialize_simulation": lambda self: (model, mujoco.MjData(model))})
    environment = task()
    environment._partially_observable = False
    del environment.sawyer_observation_space  # cached, for a hidden goal
    environment._freeze_rand_vec = False
    environment.seeded_rand_vec = True
    environment._set_task_called = True
    environment.max_path_length = sys.maxsize  # the batch counts
    return environment


class MetaworldSimulator:
    """One environment of `make`, stepped by its own methods.

    Copies of a task share one model but for the places of bodies and sites, which a reset sets.
    """

    def __init__(self, environment: Any, raw_steps: RawSteps) -> None:
        self.environment = environment
        self._raw_steps = raw_steps
        self._model, self._data = environment.model, environment.data
        self._shared = {name: getattr(self._model, name) for name in _MOVED}  # views into the model
        self._own = self._moved()
        self._warnings = self._data.warning.number  # a view
        self._pictures = rendering.Pictures()
        self.facts = Facts(
            obs_dim=int(environment.sawyer_observation_space.shape[0]),
            act_dim=int(environment.action_space.shape[0]),
            control_timestep=float(environment.dt) * raw_steps.repeat,
            time_limit=-(-_TIME_LIMIT // raw_steps.repeat),
        )

    def seed(self, seed: int) -> None:
        self.environment.seed(seed)

    def reset(self) -> np.ndarray:
        self._use_own_model()
        obs: np.ndarray = self.environment.reset()[0]
        self._own = self._moved()
        self._raw_steps.taken = 0
        return obs

    def step(self, action: np.ndarray) -> SimulatorStep:
        native = action.astype(self.environment.action_space.dtype)
        self._use_own_model()
        total = 0.0
        for _ in range(self._raw_steps.next()):
            obs, reward, _, _, info = self.environment.step(native)
            total += float(reward)
        if self._warnings.any():
            self._check_warnings()
        return SimulatorStep(obs, total, terminated=False, truncated=False, success=float(info["success"]))

    def render(self, width: int, height: int) -> np.ndarray:
        self._use_own_model()
        self._update_poses()
        return self._pictures.draw(self._model, self._data, _view(), width, height)

    def check_rendering(self) -> None:
        rendering.require_backend()

    def state(self) -> dict[str, Any]:
        return {
            "integration": mujoco_state.integration_state(self._model, self._data),
            "model": {name: value.copy() for name, value in self._own.items()},
            "task": mujoco_state.attributes(self.environment),
            "random": mujoco_state.generator_state(self.environment.np_random),
            "raw_steps": self._raw_steps.taken,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        self.reset()  # creates what exists only in a running episode, views of the simulation among it
        self._own = mujoco_state.alike(state["model"], self._own)
        self._use_own_model()
        mujoco_state.set_attributes(self.environment, state["task"])
        mujoco_state.set_generator_state(self.environment.np_random, state["random"])
        mujoco_state.set_integration_state(self._model, self._data, state["integration"])
        self._raw_steps.taken = state.get("raw_steps", 0)  # which older states lack
        self._update_poses()

    def close(self) -> None:
        self._pictures.close()
        self.environment.close()

    def _moved(self) -> dict[str, np.ndarray]:
        return {name: value.copy() for name, value in self._shared.items()}

    def _use_own_model(self) -> None:
        """Put this copy's places of bodies and sites into the model that all copies share."""
        for name, value in self._own.items():
            self._shared[name][...] = value

    def _update_poses(self) -> None:
        """Bring poses up to date, which a reset leaves where they were; what a step starts from does not change."""
        state = mujoco_state.integration_state(self._model, self._data)
        mujoco.mj_forward(self._model, self._data)
        mujoco_state.set_integration_state(self._model, self._data, state)

    def _check_warnings(self) -> None:
        """SimulationError for numbers that cannot be, of which MuJoCo warns when it has started the simulation anew."""
        raised = [name for name, n in zip(_WARNINGS, self._warnings, strict=False) if n and "BAD" in name]
        if raised:
            raise SimulationError(f"the simulation became invalid: MuJoCo's warnings are {', '.join(raised)}")


def _view() -> Any:
    """The table from where the camera `corner2` looks at it, but from nearer, and not upside down as that one hangs."""
    camera = mujoco.MjvCamera()
    camera.type = mujoco.mjtCamera.mjCAMERA_FREE
    camera.lookat[:] = (0.0, 0.65, 0.12)
    camera.distance, camera.azimuth, camera.elevation = 1.4, 142.0, -28.0
    return camera

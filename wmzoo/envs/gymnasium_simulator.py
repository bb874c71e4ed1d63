"""One Gymnasium environment as a simulator of a batch."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from wmzoo.envs import mujoco_state, object_state, rendering
from wmzoo.envs.simulator import ActionRange, CannotGoOn, Facts, RawSteps, SimulatorStep
from wmzoo.errors import WmzooError, named

rendering.choose_backend()  # first: mujoco reads the choice at import
import gymnasium  # noqa: E402
import mujoco  # noqa: E402

_TIMESTEP = 1 / 30  # seconds, where an environment does not tell
# What a wrapper was made with, and made of it; windows. Nothing of an episode.
_SAME = frozenset({"_saved_kwargs", "_cached_spec", "mujoco_renderer"})


@dataclass(frozen=True)
class MakeGymnasiumSimulators:
    """Makes environments of a registered spec. options: given to gymnasium.make.

    limit: raw steps of an episode, which no agent step goes beyond; None where the batch alone ends episodes.
    """

    spec: Any
    options: dict[str, Any]
    action_repeat: int
    limit: int | None = None

    def __getstate__(self) -> dict[str, Any]:
        """For a worker process, whose main program is another one."""
        if str(self.spec.entry_point).startswith("__main__:"):
            raise pickle.PicklingError(f"{self.spec.id} is defined in the main program, {self.spec.entry_point}")
        return dict(vars(self))

    @property
    def light(self) -> bool:
        """Whether a step is a few lines of Python (see envs/backend.py)."""
        return is_light(self.spec)

    def __call__(self, count: int) -> list[GymnasiumSimulator]:
        return [GymnasiumSimulator(self._environment(), RawSteps(self.action_repeat, self.limit)) for _ in range(count)]

    def _environment(self) -> Any:
        """WmzooError where what it needs is not there, or an option is not one of its."""
        if self.options.get("render_mode") == "human" and not _has_display():
            raise WmzooError(
                f"{self.spec.id}: env.options.render_mode=human opens windows, and there is no display here ($DISPLAY "
                f"is not set): leave it out; `wmzoo train` films an episode at the end where MuJoCo can draw"
            )
        try:  # max_episode_steps=-1: no TimeLimit, the batch counts.
            return gymnasium.make(self.spec, **{"max_episode_steps": -1, "disable_env_checker": True} | self.options)
        except Exception as error:  # whatever an environment makes of its options
            what = named(error)
            raise WmzooError(f"gymnasium cannot make {self.spec.id} ({what})") from error


def is_light(spec: Any) -> bool:
    """Classic control: Pendulum-v1, CartPole-v1 …"""
    return str(spec.entry_point).startswith("gymnasium.envs.classic_control")


def _has_display() -> bool:
    """Whether windows can be opened: on Linux by X or Wayland, elsewhere always."""
    on_linux = sys.platform.startswith("linux")
    return not on_linux or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


class GymnasiumSimulator:
    """One Gymnasium environment.

    Its state is that of the simulation, where it is one of MuJoCo's, and what its attributes and those of its wrappers
    hold (object_state.py).
    """

    def __init__(self, env: Any, raw_steps: RawSteps) -> None:
        self.env = env
        self.task = env.unwrapped
        self.raw_steps = raw_steps
        self._name = env.spec.id
        model, data = getattr(self.task, "model", None), getattr(self.task, "data", None)
        self._physical = isinstance(model, mujoco.MjModel) and isinstance(data, mujoco.MjData)
        if self._physical:
            self.model, self.data, self.sub_steps = model, data, getattr(self.task, "frame_skip", 1)
            _free_unlimited(self.task)
        box = gymnasium.spaces.Box
        if not isinstance(env.action_space, box):
            raise WmzooError(f"{self._name} takes {env.action_space}; only continuous actions (Box) are supported")
        self._observations = None if isinstance(env.observation_space, box) else env.observation_space
        self._actions = ActionRange(env.action_space.low.ravel(), env.action_space.high.ravel(), self._name)
        self._original_model = mujoco_state.ModelArrays(self.model) if self._physical else None
        self._pictures = rendering.Pictures()
        self._seed: int | None = None
        self._stream, self._episodes = 0, 0  # the last seed, and how many episodes it has begun
        self._as_made: dict[str, Any] | None = None  # what the environment held then, if that can be told
        with suppress(object_state.NotPlain):
            self._as_made = object_state.save(env, self._stays, _SAME)
        timestep = getattr(self.task, "dt", None) or 1 / ((self.task.metadata or {}).get("render_fps") or 1 / _TIMESTEP)
        act_dim = int(np.prod(env.action_space.shape))
        self.facts = Facts(self._width(), act_dim, float(timestep) * raw_steps.repeat, None)

    def _width(self) -> int:
        """Numbers of an observation. WmzooError for a space of which Gymnasium makes no vector."""
        space = self.env.observation_space
        try:
            return int(np.prod(space.shape if self._observations is None else _flat_box(space).shape))
        except Exception as error:  # NotImplementedError, AttributeError …, as the space may be anything
            raise WmzooError(
                f"{self._name} shows observations of {space}, which cannot be flattened into a vector of one length: "
                f"supported is what gymnasium.wrappers.FlattenObservation takes (Box, Dict, Tuple, Discrete …)"
            ) from error

    def seed(self, seed: int) -> None:
        if self._original_model is not None:
            self._original_model.restore(self.model)
        if self._as_made is not None and self._episodes:  # generators of its own and a wrapper's statistics start again
            with suppress(object_state.NotPlain):  # something stands in the place of another
                object_state.put_back(self.env, self._as_made)
        self._seed = self._stream = seed
        self._episodes = 0

    def reset(self) -> np.ndarray:
        obs, _ = self.env.reset(seed=self._seed)
        self._seed = None  # Gymnasium goes on with its own generator from here
        self._episodes += 1
        self.raw_steps.taken = 0
        return self._vector(obs)

    def step(self, action: np.ndarray) -> SimulatorStep:
        native = self.native(action).reshape(self.env.action_space.shape)
        total = 0.0
        for _ in range(self.raw_steps.next()):
            obs, reward, terminated, truncated, info = self.env.step(native)
            total += self._number("reward", reward)
            if terminated or truncated:
                break
        success = info.get("success", info.get("is_success"))
        return SimulatorStep(
            self._vector(obs),
            total,
            bool(terminated),
            bool(truncated and not terminated),
            None if success is None else self._number("success", success),
        )

    def _vector(self, obs: Any) -> np.ndarray:
        """An observation as [O], a Dict's or Tuple's as FlattenObservation does it."""
        if self._observations is None:
            return np.ravel(obs)
        flat: np.ndarray = np.asarray(gymnasium.spaces.flatten(self._observations, obs))
        return flat

    def _number(self, what: str, value: Any) -> float:
        """A number, or an array of one."""
        array = np.asarray(value)
        if array.size != 1:
            raise WmzooError(f"{self._name} gave a {what} of shape {array.shape}; it has to be one number")
        return float(array.item())

    @property
    def drawn(self) -> Mapping[str, np.ndarray]:
        """Every environment has a model of its own."""
        return {}

    def native(self, actions: np.ndarray) -> np.ndarray:
        """Actions [..., A] in [-1, 1] as the environment takes them."""
        native, dtype = self._actions.native(actions), self.env.action_space.dtype
        whole: np.ndarray = np.rint(native) if np.issubdtype(dtype, np.integer) else native
        return whole.astype(dtype)

    def advance(self) -> None:
        """The physics of one step of a MuJoCo task, with data.ctrl: MujocoEnv.do_simulation."""
        mujoco.mj_step(self.model, self.data, self.sub_steps)
        mujoco.mj_rnePostConstraint(self.model, self.data)

    def refresh(self) -> None:
        """Nothing: Gymnasium leaves what depends on positions where the last sub-step had it."""

    def velocities(self) -> np.ndarray:
        """bool [O]: the entries that are velocities, by the task's `observation_structure`. WmzooError without one."""
        sizes = {
            name: int(size)
            for name, size in (getattr(self.task, "observation_structure", None) or {}).items()
            if not name.startswith("skipped")
        }
        if sum(sizes.values()) != self.facts.obs_dim:
            raise WmzooError(
                f"env.hide_velocities: {self._name} does not tell which of its observations are velocities"
            )
        return np.concatenate([np.full(size, name.endswith("vel")) for name, size in sizes.items()])

    def render(self, width: int, height: int) -> np.ndarray:
        self.check_rendering()
        return self._pictures.draw(self.model, self.data, self._camera(), width, height)

    def check_rendering(self) -> None:
        if not self._physical:
            raise WmzooError(f"{self._name} cannot be drawn: only MuJoCo tasks can")
        rendering.require_backend()

    def state(self) -> dict[str, Any]:
        anew = int(np.random.SeedSequence([self._stream, self._episodes]).generate_state(1)[0])
        try:
            held = object_state.save(self.env, self._stays, _SAME)
        except object_state.NotPlain as error:
            return {"anew": anew, "why": f"{self._name}: {error}, whose state cannot be saved"}
        state: dict[str, Any] = {"anew": anew, "environment": held, "raw_steps": self.raw_steps.taken}
        if self._original_model is not None:
            model, data = self.model, self.data
            state["integration"] = mujoco_state.integration_state(model, data)
            # Tasks read quantities of the last step (Ant: the torso's place) before they take the next.
            state["derived"] = mujoco_state.derived(model, data)
            state["model"] = self._original_model.changes(model)
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        if state.keys() <= {"anew", "why"}:
            self.seed(state["anew"])
            return
        self.env.reset(seed=0)  # creates what exists only in a running episode, the generator among it
        self._seed = None
        self._stream, self._episodes = state.get("anew", 0), 1
        self.raw_steps.taken = state.get("raw_steps", 0)
        if "environment" in state:
            try:
                object_state.put_back(self.env, state["environment"])
            except object_state.NotPlain as error:
                raise CannotGoOn(f"{self._name}: {error}") from error
        else:  # older states hold the numbers alone
            mujoco_state.set_attributes(self.task, state["task"])
            mujoco_state.set_generator_state(self.task.np_random, state["random"])
        if self._original_model is not None:
            model, data = self.model, self.data
            self._original_model.restore(model, state["model"])
            mujoco_state.set_integration_state(model, data, state["integration"])
            mujoco_state.set_derived(data, state["derived"])

    def _stays(self, value: Any) -> bool:
        """What of an environment does not change, or is saved by other means."""
        if isinstance(value, gymnasium.spaces.Space):
            return not _drawn_from(value)
        own = self._physical and (value is self.model or value is self.data)
        return own or isinstance(value, gymnasium.envs.registration.EnvSpec)

    def close(self) -> None:
        self._pictures.close()
        self.env.close()

    def _camera(self) -> Any:
        """The free camera, placed as the task asks for."""
        camera = mujoco.MjvCamera()
        mujoco.mjv_defaultFreeCamera(self.model, camera)
        config = getattr(getattr(self.task, "mujoco_renderer", None), "default_cam_config", None) or {}
        for name, value in config.items():
            if isinstance(value, np.ndarray):
                getattr(camera, name)[:] = value
            else:
                setattr(camera, name, value)
        if "trackbodyid" in config:
            camera.type = mujoco.mjtCamera.mjCAMERA_TRACKING
        return camera


def _free_unlimited(task: Any) -> None:
    """Gymnasium takes an actuator without a range, of which MuJoCo writes [0, 0], for one that cannot move."""
    space, limited = task.action_space, task.model.actuator_ctrllimited.astype(bool)
    if isinstance(space, gymnasium.spaces.Box) and space.shape == limited.shape:
        unlimited = ~limited & (space.low == 0) & (space.high == 0)
        if unlimited.any():
            low, high = np.where(unlimited, -np.inf, space.low), np.where(unlimited, np.inf, space.high)
            task.action_space = gymnasium.spaces.Box(
                low.astype(space.dtype), high.astype(space.dtype), dtype=space.dtype
            )


def _flat_box(space: Any) -> Any:
    """The Box of what `flatten` makes of the space's elements."""
    flat = gymnasium.spaces.flatten_space(space)
    if not isinstance(flat, gymnasium.spaces.Box):
        raise NotImplementedError(f"{space} has no elements of one length")
    return flat


def _drawn_from(space: Any) -> bool:
    """Whether it has begun a random stream of its own."""
    parts = getattr(space, "spaces", ())
    below = parts.values() if isinstance(parts, Mapping) else parts
    return space._np_random is not None or any(map(_drawn_from, below))

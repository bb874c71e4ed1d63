"""Gymnasium's Hopper-v5, Walker2d-v5, HalfCheetah-v5 and Ant-v5: forward speed, with a cost of control."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
from einops import rearrange

from wmzoo.envs.array_tasks.base import ArrayTask, Bools, Floats, Rows

Parts = tuple[Floats, Bools]


# What all of them take, as far as it is read from the environment below or only matters for pictures.
_OPTIONS = frozenset(
    {"xml_file", "frame_skip", "forward_reward_weight", "ctrl_cost_weight", "reset_noise_scale"}
    | {"exclude_current_positions_from_observation"}
    | {"default_camera_config", "width", "height", "camera_id", "camera_name"}
)
_HEALTH = frozenset({"healthy_reward", "terminate_when_unhealthy", "healthy_z_range"})


class ForwardTask(ArrayTask):
    """The weights and ranges are the environment's own, options given to it among them.

    options: those that are; with another one, the environment has to be stepped by its own code.
    """

    options: ClassVar[frozenset[str]] = _OPTIONS
    hidden = 1  # leading coordinates that are no part of the observation, unless the environment is told so
    fastest = np.inf  # what the observation shows of a velocity

    def __init__(self, simulator: Any) -> None:
        self.env = env = simulator.task
        self._from = self.hidden * bool(env._exclude_current_positions_from_observation)
        self._healthy_reward = getattr(env, "_healthy_reward", 0.0)
        self._terminates = bool(getattr(env, "_terminate_when_unhealthy", False))

    def observe(self, now: Rows) -> Floats:
        velocities = np.clip(now["qvel"], -self.fastest, self.fastest)
        return np.concatenate([now["qpos"][:, self._from :], velocities], axis=1)

    def judge(self, before: Rows, now: Rows, actions: Floats) -> Parts:
        velocity = (self._place(now) - self._place(before)) / self.env.dt
        healthy = self._healthy(now)
        gain = self.env._forward_reward_weight * velocity + healthy * self._healthy_reward
        return gain - self._cost(now, actions), ~healthy & self._terminates

    def _place(self, rows: Rows) -> Floats:
        return rows["qpos"][:, 0]

    def _cost(self, now: Rows, actions: Floats) -> Floats:
        cost: Floats = self.env._ctrl_cost_weight * np.square(actions).sum(axis=1)
        return cost

    @abstractmethod
    def _healthy(self, now: Rows) -> Bools:
        """bool [B]"""


class HalfCheetah(ForwardTask):
    """It is never unhealthy."""

    def _healthy(self, now: Rows) -> Bools:
        return np.ones(len(now["qpos"]), dtype=bool)


class Walker2d(ForwardTask):
    """Healthy by height and angle of the torso."""

    options = _OPTIONS | _HEALTH | {"healthy_angle_range"}
    fastest = 10

    def _healthy(self, now: Rows) -> Bools:
        height = _inside(now["qpos"][:, 1], self.env._healthy_z_range)
        return height & _inside(now["qpos"][:, 2], self.env._healthy_angle_range)


class Hopper(Walker2d):
    """Also by every other number of the state."""

    options = Walker2d.options | {"healthy_state_range"}

    def _healthy(self, now: Rows) -> Bools:
        state = np.concatenate([now["qpos"], now["qvel"]], axis=1)[:, 2:]
        healthy: Bools = super()._healthy(now) & _inside(state, self.env._healthy_state_range).all(axis=1)
        return healthy


class Ant(ForwardTask):
    """Pays for contact forces, and shows them. Its place is that of the torso before the last sub-step."""

    options = _OPTIONS | _HEALTH | {
        "contact_cost_weight", "contact_force_range", "main_body", "include_cfrc_ext_in_observation"
    }  # fmt: skip
    reads = ("qpos", "qvel", "xpos", "cfrc_ext")
    hidden = 2

    def __init__(self, simulator: Any) -> None:
        super().__init__(simulator)
        self._torso = self.env.model.body(self.env._main_body).id

    def observe(self, now: Rows) -> Floats:
        obs = super().observe(now)
        if not self.env._include_cfrc_ext_in_observation:
            return obs
        return np.concatenate([obs, rearrange(self._forces(now)[:, 1:], "row body force -> row (body force)")], axis=1)

    def _place(self, rows: Rows) -> Floats:
        return rows["xpos"][:, self._torso, 0]

    def _forces(self, now: Rows) -> Floats:
        forces: Floats = np.clip(now["cfrc_ext"], *self.env._contact_force_range)
        return forces

    def _cost(self, now: Rows, actions: Floats) -> Floats:
        forces = np.square(self._forces(now)).reshape(len(actions), -1).sum(axis=1)
        cost: Floats = super()._cost(now, actions) + self.env._contact_cost_weight * forces
        return cost

    def _healthy(self, now: Rows) -> Bools:
        low, high = self.env._healthy_z_range
        height, state = now["qpos"][:, 2], np.concatenate([now["qpos"], now["qvel"]], axis=1)
        healthy: Bools = np.isfinite(state).all(axis=1) & (low <= height) & (height <= high)
        return healthy


def _inside(values: Floats, bounds: tuple[float, float]) -> Bools:
    return (bounds[0] < values) & (values < bounds[1])


TASKS: dict[str, type[ForwardTask]] = {
    "Hopper-v5": Hopper,
    "Walker2d-v5": Walker2d,
    "HalfCheetah-v5": HalfCheetah,
    "Ant-v5": Ant,
}

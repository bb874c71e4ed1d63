"""cheetah-run, walker-* and hopper-*: legged robots in a plane, whose speed is a sensor's."""

from __future__ import annotations

from typing import Any

import numpy as np
from dm_control.suite import cheetah, hopper, walker
from einops import rearrange

from wmzoo.envs.array_tasks.base import Floats, Rows
from wmzoo.envs.array_tasks.dmc import DmcArrayTask, small_control, tolerance

_INFINITE = float("inf")


class PlanarTask(DmcArrayTask):
    """Finds bodies and sensors by name."""

    def __init__(self, simulator: Any) -> None:
        super().__init__(simulator)
        self._id = simulator.physics.model.name2id
        self._torso = self._id("torso", "body")
        self._speed = self._sensor("torso_subtreelinvel")  # its first number is along x

    def _sensor(self, name: str) -> int:
        """Where its numbers begin in sensordata."""
        return int(self.model.sensor_adr[self._id(name, "sensor")])


class Cheetah(PlanarTask):
    """The reward grows with the speed, up to 10 m/s."""

    reads = ("qpos", "qvel", "sensordata")

    def observe(self, now: Rows) -> Floats:
        return np.concatenate([now["qpos"][:, 1:], now["qvel"]], axis=1)

    def reward(self, now: Rows, actions: Floats) -> Floats:
        fast = tolerance(
            now["sensordata"][:, self._speed],
            bounds=(cheetah._RUN_SPEED, _INFINITE),
            margin=cheetah._RUN_SPEED,
            value_at_margin=0,
            sigmoid="linear",
        )
        return fast


class Walker(PlanarTask):
    """Standing upright, and moving at the task's speed if it has one."""

    reads = ("qvel", "sensordata", "xpos", "xmat")

    def observe(self, now: Rows) -> Floats:
        orientations = rearrange(now["xmat"][:, 1:, [0, 2]], "row body entry -> row (body entry)")  # xx, xz
        return np.concatenate([orientations, now["xpos"][:, self._torso, 2:], now["qvel"]], axis=1)

    def reward(self, now: Rows, actions: Floats) -> Floats:
        height, upright = now["xpos"][:, self._torso, 2], (1 + now["xmat"][:, self._torso, 8]) / 2
        standing = tolerance(height, (walker._STAND_HEIGHT, _INFINITE), margin=walker._STAND_HEIGHT / 2)
        stand = (3 * standing + upright) / 4
        speed = self.task._move_speed
        if speed == 0:
            return stand
        velocity = now["sensordata"][:, self._speed]
        move = tolerance(velocity, (speed, _INFINITE), margin=speed / 2, value_at_margin=0.5, sigmoid="linear")
        return stand * (5 * move + 1) / 6


class Hopper(PlanarTask):
    """Standing, with small torques or with speed. The touch sensors belong to the step before, as dm_control has it."""

    reads = ("qpos", "qvel", "sensordata", "xipos")

    def __init__(self, simulator: Any) -> None:
        super().__init__(simulator)
        self._foot = self._id("foot", "body")
        self._touch = [self._sensor(name) for name in ("touch_toe", "touch_heel")]

    def observe(self, now: Rows) -> Floats:
        touch = np.log1p(now["sensordata"][:, self._touch])
        return np.concatenate([now["qpos"][:, 1:], now["qvel"], touch], axis=1)

    def reward(self, now: Rows, actions: Floats) -> Floats:
        height = now["xipos"][:, self._torso, 2] - now["xipos"][:, self._foot, 2]
        standing = tolerance(height, (hopper._STAND_HEIGHT, 2))
        if not self.task._hopping:
            return standing * small_control(actions)
        speed, velocity = hopper._HOP_SPEED, now["sensordata"][:, self._speed]
        hop = tolerance(velocity, (speed, _INFINITE), margin=speed / 2, value_at_margin=0.5, sigmoid="linear")
        return standing * hop


TASKS = {
    "cheetah-run": Cheetah,
    "walker-stand": Walker,
    "walker-walk": Walker,
    "walker-run": Walker,
    "hopper-stand": Hopper,
    "hopper-hop": Hopper,
}

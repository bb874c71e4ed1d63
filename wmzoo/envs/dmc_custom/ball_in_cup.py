"""The ball that is to spin around the cup."""

from __future__ import annotations

from typing import Any

import numpy as np
from dm_control.suite.ball_in_cup import BallInCup, Physics, get_model_and_assets
from dm_control.suite.base import Task

from wmzoo.envs.dmc_custom.domain import CustomDomain
from wmzoo.envs.dmc_custom.shapes import linear

_ANYWHERE = 0.1  # share of the episodes that may start outside the cup


class Spin(BallInCup):  # type: ignore[misc]
    """Keep the ball out of the cup, half a metre away from it and at 6 m/s. Nine episodes of ten start inside."""

    def initialize_episode(self, physics: Any) -> None:
        anywhere = self.random.uniform(0, 1) < _ANYWHERE
        placed = False
        while not placed:
            physics.named.data.qpos["ball_x"] = self.random.uniform(-0.2, 0.2)
            physics.named.data.qpos["ball_z"] = self.random.uniform(0.2, 0.5)
            physics.after_reset()  # finds collisions
            placed = physics.data.ncon == 0 and (anywhere or physics.in_target())
        Task.initialize_episode(self, physics)  # the suite's own would place the ball again

    def get_reward(self, physics: Any) -> float:
        if physics.in_target():
            return 0.0
        away = linear(float(np.linalg.norm(physics.ball_to_target())), least=0.5, margin=0.25, at_margin=0.5)
        speed = float(np.linalg.norm(physics.named.data.qvel[["ball_x", "ball_z"]]))
        return (away + 2 * linear(speed, least=6, margin=3, at_margin=0.5)) / 3


DOMAIN = CustomDomain(
    physics=lambda: Physics.from_xml_string(*get_model_and_assets()),
    tasks={"spin": Spin},
    time_limit=20,
    control_timestep=0.02,
)

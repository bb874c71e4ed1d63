"""The walker walking and running backwards."""

from __future__ import annotations

from functools import partial
from typing import Any

from dm_control.suite.walker import Physics, PlanarWalker, get_model_and_assets

from wmzoo.envs.dmc_custom.domain import CustomDomain
from wmzoo.envs.dmc_custom.shapes import gaussian, linear


class Backwards(PlanarWalker):  # type: ignore[misc]
    """As the suite's walk and run, the other way."""

    def get_reward(self, physics: Any) -> float:
        standing = gaussian(physics.torso_height(), least=1.2, margin=0.6)
        stand = (3 * standing + (1 + float(physics.torso_upright())) / 2) / 4
        speed, wanted = -physics.horizontal_velocity(), self._move_speed
        return stand * (5 * linear(speed, least=wanted, margin=wanted / 2, at_margin=0.5) + 1) / 6


DOMAIN = CustomDomain(
    physics=lambda: Physics.from_xml_string(*get_model_and_assets()),
    tasks={"walk_backwards": partial(Backwards, 1), "run_backwards": partial(Backwards, 8)},  # m/s
    time_limit=25,
    control_timestep=0.025,
)

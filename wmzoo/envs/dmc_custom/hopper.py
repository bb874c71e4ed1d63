"""The hopper hopping backwards."""

from __future__ import annotations

from functools import partial
from typing import Any

from dm_control.suite.hopper import Hopper, Physics, get_model_and_assets

from wmzoo.envs.dmc_custom.domain import CustomDomain
from wmzoo.envs.dmc_custom.shapes import linear


class HopBackwards(Hopper):  # type: ignore[misc]
    """As the suite's hop, the other way and at 1 m/s."""

    def get_reward(self, physics: Any) -> float:
        if not 0.6 <= physics.height() <= 2:
            return 0.0
        return linear(-physics.speed(), least=1, margin=0.5, at_margin=0.5)


DOMAIN = CustomDomain(
    physics=lambda: Physics.from_xml_string(*get_model_and_assets()),
    tasks={"hop_backwards": partial(HopBackwards, True)},
    time_limit=20,
    control_timestep=0.02,
)

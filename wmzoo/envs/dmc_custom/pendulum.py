"""The pendulum that is to spin, whichever way."""

from __future__ import annotations

from typing import Any

from dm_control.suite.pendulum import Physics, SwingUp, get_model_and_assets

from wmzoo.envs.dmc_custom.domain import CustomDomain
from wmzoo.envs.dmc_custom.shapes import linear


class Spin(SwingUp):  # type: ignore[misc]
    """Turn at 9 rad/s."""

    def get_reward(self, physics: Any) -> float:
        return linear(abs(physics.angular_velocity().item()), least=9, margin=4.5, at_margin=0.5)


DOMAIN = CustomDomain(
    physics=lambda: Physics.from_xml_string(*get_model_and_assets()),
    tasks={"spin": Spin},
    time_limit=20,
)

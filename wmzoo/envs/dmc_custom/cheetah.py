"""The cheetah running backwards, running with one foot raised, and jumping."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from dm_control.suite.cheetah import Cheetah, Physics, get_model_and_assets

from wmzoo.envs.dmc_custom.domain import CustomDomain
from wmzoo.envs.dmc_custom.shapes import gaussian, linear

_FEET = ("bfoot", "ffoot")


def _raised(height: float) -> float:
    """1 for a height of 1.2 m or more."""
    return gaussian(height, least=1.2, margin=0.6)


def _height(physics: Any, body: str) -> float:
    return float(physics.named.data.xpos[body, "z"])


class RunBackwards(Cheetah):  # type: ignore[misc]
    """As run, the other way and at 8 m/s."""

    def get_reward(self, physics: Any) -> float:
        return linear(-physics.speed(), least=8, margin=8, at_margin=0)


class RunOnOneFoot(Cheetah):  # type: ignore[misc]
    """Run forwards at 6 m/s with `foot` and the torso held up."""

    def __init__(self, foot: str, random: int | np.random.RandomState | None = None) -> None:
        super().__init__(random=random)
        self.foot = foot

    def get_reward(self, physics: Any) -> float:
        up = (3 * _raised(_height(physics, self.foot)) + 2 * _raised(_height(physics, "torso"))) / 5
        return up * (5 * linear(physics.speed(), least=6, margin=6, at_margin=0) + 1) / 6


class Jump(Cheetah):  # type: ignore[misc]
    """Be high up, torso and both feet, without going anywhere."""

    def get_reward(self, physics: Any) -> float:
        torso = _height(physics, "torso")
        up = [_raised((torso + _height(physics, foot)) / 2) for foot in _FEET]
        still = linear(-abs(physics.speed()), least=-0.5, margin=0.5, at_margin=0)
        return (5 * sum(up) / len(up) + still) / 6


DOMAIN = CustomDomain(
    physics=lambda: Physics.from_xml_string(*get_model_and_assets()),
    tasks={
        "run_backwards": RunBackwards,
        "run_front": partial(RunOnOneFoot, "bfoot"),
        "run_back": partial(RunOnOneFoot, "ffoot"),
        "jump": Jump,
    },
    time_limit=10,
)

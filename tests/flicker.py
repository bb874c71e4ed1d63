"""Simulators whose success comes and goes within an episode."""

from __future__ import annotations

import numpy as np

from wmzoo.envs.simulated import SimulatedVectorEnv
from wmzoo.envs.simulator import Facts, SimulatorStep

FLICKER = ["0100", "0011", "0000", "1111"]  # by environment: the success of each step of an episode
NO_SUCCESS = [None] * 4


class Flicker:
    """Every episode's step t is a success if `successes[t]` says so; its reward is t."""

    facts = Facts(obs_dim=1, act_dim=1, control_timestep=0.1, time_limit=4)

    def __init__(self, successes: str | None) -> None:
        self.successes = successes

    def seed(self, seed: int) -> None:
        pass

    def reset(self) -> np.ndarray:
        self.steps = 0
        return np.zeros(1)

    def step(self, action: np.ndarray) -> SimulatorStep:
        self.steps += 1
        success = None if self.successes is None else float(self.successes[self.steps - 1])
        return SimulatorStep(np.zeros(1), float(self.steps), False, False, success)


def environments(successes: list[str] | list[None]) -> SimulatedVectorEnv:
    return SimulatedVectorEnv(
        "flicker", lambda count: [Flicker(each) for each in successes], len(successes), backend="serial"
    )

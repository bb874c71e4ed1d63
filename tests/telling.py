"""Simulators whose infos tell of success when a test wants it. Without torch, workers start in a third of the time."""

from __future__ import annotations

import numpy as np

from wmzoo.envs.simulator import Facts, SimulatorStep


class Teller:
    """An episode of `len(told)` steps; told[t] is what its info tells at step t, None for nothing."""

    facts = Facts(obs_dim=1, act_dim=1, control_timestep=0.1, time_limit=9)

    def __init__(self, told) -> None:
        self.told = told

    def seed(self, seed) -> None:
        pass

    def reset(self) -> np.ndarray:
        self.steps = 0
        return np.zeros(1)

    def step(self, action) -> SimulatorStep:
        self.steps += 1
        over = self.steps == len(self.told)
        return SimulatorStep(np.zeros(1), 0.0, over, False, self.told[self.steps - 1])

    def close(self) -> None:
        pass


class Make:
    """Those of `episodes`, in chunks as a pool asks for them: they must be alike where there are several chunks."""

    def __init__(self, *episodes) -> None:
        self.episodes = episodes

    def __call__(self, count):
        return [Teller(self.episodes[i % len(self.episodes)]) for i in range(count)]

"""A simulator among wider ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from wmzoo.envs.serial import Simulator, SimulatorStep


class PaddedSimulator:
    """Observations with zeros behind them, up to obs_dim; of the actions only the first count, as many as there are.

    success: whether one is reported, which is 0 where the task itself has none.
    """

    def __init__(self, simulator: Simulator, obs_dim: int, act_dim: int, success: bool) -> None:
        self.simulator = simulator
        self.obs_dim, self.act_dim = obs_dim, act_dim
        self._success = success

    def seed(self, seed: int) -> None:
        self.simulator.seed(seed)

    def reset(self) -> np.ndarray:
        return self._padded(self.simulator.reset())

    def step(self, action: np.ndarray) -> SimulatorStep:
        step = self.simulator.step(action[: self.simulator.act_dim])
        success = 0.0 if self._success and step.success is None else step.success
        return step._replace(obs=self._padded(step.obs), success=success)

    def render(self, width: int, height: int) -> np.ndarray:
        return self.simulator.render(width, height)

    def check_rendering(self) -> None:
        self.simulator.check_rendering()

    def state(self) -> dict[str, Any]:
        return self.simulator.state()

    def load_state(self, state: dict[str, Any]) -> None:
        self.simulator.load_state(state)

    def close(self) -> None:
        self.simulator.close()

    def _padded(self, obs: np.ndarray) -> np.ndarray:
        padded = np.zeros(self.obs_dim)
        padded[: self.simulator.obs_dim] = obs
        return padded

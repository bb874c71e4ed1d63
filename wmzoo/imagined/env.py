"""A world model as a gymnasium.Env: one imagined episode after the other."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from torch import Tensor

from wmzoo.agent.agent import Agent
from wmzoo.imagined.episodes import Array, Episodes

ALL = np.ones(1, dtype=bool)


class ImaginedEnv(gymnasium.Env[Array, Array]):
    """Observations are latents, float32 [D]; the parameters are those of Episodes. `reset(seed)` makes all that
    follows, draws of a stochastic dynamics too, what it was after the same seed."""

    metadata = {"render_modes": []}  # noqa: RUF012 (as Gymnasium declares it)

    def __init__(self, agent: Agent, starts: Tensor, horizon: int, task: int | None = None) -> None:
        self.episodes = Episodes(agent, starts, 1, horizon, task)
        self.observation_space, self.action_space = self.episodes.observation_space, self.episodes.action_space

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        super().reset(seed=seed)
        self.episodes.begin(ALL, self.np_random)
        return self.episodes.observation[0], {}

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        reward, terminated, truncated = self.episodes.step(np.asarray(action)[None], self.np_random)
        return self.episodes.observation[0], float(reward[0]), bool(terminated[0]), bool(truncated[0]), {}

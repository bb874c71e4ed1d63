"""A world model as a gymnasium.vector.VectorEnv: a batch of imagined episodes, one call of the model per step."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from torch import Tensor

from wmzoo.agent.agent import Agent
from wmzoo.imagined.episodes import Array, Episodes


class ImaginedVectorEnv(VectorEnv[Array, Array, Array]):
    """As ImaginedEnv, in `num_envs` rows that draw from one generator.

    An episode that has ended begins anew at the next step, which does not look at its action and gives no reward
    (AutoresetMode.NEXT_STEP, Gymnasium's own default, which its wrappers ask for).
    """

    metadata = {"render_modes": [], "autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012 (as Gymnasium declares it)

    def __init__(self, agent: Agent, starts: Tensor, num_envs: int, horizon: int, task: int | None = None) -> None:
        self.num_envs, self.episodes = num_envs, Episodes(agent, starts, num_envs, horizon, task)
        self.single_observation_space = self.episodes.observation_space
        self.single_action_space = self.episodes.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.ended = np.zeros(num_envs, dtype=bool)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        super().reset(seed=seed)
        self.ended[:] = False
        self.episodes.begin(~self.ended, self.np_random)
        return self.episodes.observation, {}

    def step(self, actions: Array) -> tuple[Array, Array, Array, Array, dict[str, Any]]:
        anew = self.ended
        reward, terminated, truncated = self.episodes.step(np.asarray(actions), self.np_random)
        if anew.any():
            self.episodes.begin(anew, self.np_random)
            reward, terminated, truncated = np.where(anew, 0.0, reward), terminated & ~anew, truncated & ~anew
        self.ended = terminated | truncated
        return self.episodes.observation, reward, terminated, truncated, {}

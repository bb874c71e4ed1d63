"""Toy tasks of chance: what is worth doing depends on a coin that no one can predict, and that the policy sees.

A player stands at x in [−1.5, 1.5]. Left of 0 every step earns 0.4; right of 0 it can bet, b in [−1, 1], on coins that
are tossed afresh every step and shown before the bet. A model that predicts the average coin sees nothing to win.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wmzoo.envs.base import NOT_STARTED, Transition, VectorEnv
from wmzoo.envs.counter_random import CounterRandom
from wmzoo.errors import WmzooError, unknown
from wmzoo.storage.form import check_form, check_range

Floats = NDArray[np.float64]
EDGE, STRIDE, START = 1.5, 0.2, (-1.0, 1.0)  # of the place: where it ends, the longest step, where it is at first
STEPS = 100  # of an episode
WAGE = 0.4  # of a step on the left
DRAWS = 3  # random numbers of a step


def sigmoid(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-x))


class ToyTask(ABC):
    """Coins and rewards of B players at x[B]."""

    coins: ClassVar[int]

    @abstractmethod
    def toss(self, x: Floats, drawn: Floats) -> Floats:
        """Coins [B, coins], each −1 or 1, of players at x[B], from drawn[B, 3], uniform in [0, 1)."""

    @abstractmethod
    def reward(self, x: Floats, coins: Floats, bet: Floats) -> Floats:
        """[B], of the bets[B] in [−1, 1]."""

    @abstractmethod
    def best(self, x: Floats) -> Floats:
        """The expected reward [B] of the best bet, over the coins."""


class Bet(ToyTask):
    """One fair coin s: r = 0.4 σ(−8x) + b s σ(8x)."""

    coins = 1

    def toss(self, x: Floats, drawn: Floats) -> Floats:
        return np.where(drawn[:, :1] < 0.5, -1.0, 1.0)

    def reward(self, x: Floats, coins: Floats, bet: Floats) -> Floats:
        return WAGE * sigmoid(-8 * x) + bet * coins[:, 0] * sigmoid(8 * x)

    def best(self, x: Floats) -> Floats:
        return WAGE * sigmoid(-8 * x) + sigmoid(8 * x)


class Bet2(ToyTask):
    """Two coins, equal with probability σ(16 (x − 0.2)) and otherwise independent:
    r = 0.4 (1 − σ(8x)) + σ(8x) (b s₁ if s₁ = s₂ else −1.5).

    One that knows each coin's distribution but not that they agree sees a loss of 0.25 on the right, where 1 is to win.
    """

    coins = 2

    def toss(self, x: Floats, drawn: Floats) -> Floats:
        first, other = (np.where(drawn[:, i] < 0.5, -1.0, 1.0) for i in (0, 1))
        return np.stack([first, np.where(drawn[:, 2] < sigmoid(16 * (x - 0.2)), first, other)], 1)

    def reward(self, x: Floats, coins: Floats, bet: Floats) -> Floats:
        won = np.where(coins[:, 0] == coins[:, 1], bet * coins[:, 0], -1.5)
        return WAGE * sigmoid(-8 * x) + won * sigmoid(8 * x)

    def best(self, x: Floats) -> Floats:
        equal = (1 + sigmoid(16 * (x - 0.2))) / 2
        return WAGE * sigmoid(-8 * x) + sigmoid(8 * x) * (equal - 1.5 * (1 - equal))


TASKS: dict[str, ToyTask] = {"bet": Bet(), "bet2": Bet2()}


def optimum(task: str, steps: int = STEPS, places: int = 3001) -> float:
    """The expected return of the best policy, over the start's distribution, by dynamic programming over x.

    Coins are fresh at every step, so that all that matters for later is the place: Q_t(x) = best(x) +
    max_m Q_{t+1}(x + 0.2 m), on a grid; the error is of the order of its width, 3/`places`.
    """
    x = np.linspace(-EDGE, EDGE, places)
    reach = round(STRIDE / (x[1] - x[0]))
    value = np.zeros(places)
    for _ in range(steps):
        padded = np.pad(value, reach, mode="edge")
        value = TASKS[task].best(x) + np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).max(1)
    low, high = START
    return float(value[(x >= low) & (x <= high)].mean())


class ToyVectorEnv(VectorEnv):
    """B players of a task of TASKS, in one batch. obs = [x, coins]; actions [m, b], x′ = clip(x + 0.2 m, ±1.5).

    Episodes take 100 steps and start at x uniform in [−1, 1]. WmzooError for an unknown task.
    """

    control_timestep, terminates, act_dim, device = 1.0, False, 2, torch.device("cpu")

    def __init__(self, task: str, num_envs: int, episode_length: int | None = None) -> None:
        if task not in TASKS:
            raise WmzooError(unknown("toy task", task, TASKS))
        self.task, self.num_envs, self.episode_length = TASKS[task], num_envs, episode_length or STEPS
        self.obs_dim = 1 + self.task.coins
        self._random = CounterRandom(num_envs)
        self._x, self._coins = np.zeros(num_envs), np.zeros((num_envs, self.task.coins))
        self._elapsed: Tensor | None = None  # int64 [B]; None until the first reset

    def reset(self, seed: int, stagger: bool = False) -> Tensor:
        self._random.seed(seed)
        self._elapsed = torch.zeros(self.num_envs, dtype=torch.int64)
        if stagger:
            self._elapsed = torch.arange(self.num_envs) * self.episode_length // self.num_envs
        self._begin(np.full(self.num_envs, True))
        return self._observed()

    def step(self, actions: Tensor) -> Transition:
        elapsed, (move, bet) = self._started(), self.check_actions(actions).T
        exact = self.task.reward(self._x, self._coins, bet)
        self._x = np.clip(self._x + STRIDE * move, -EDGE, EDGE)
        self._coins = self.task.toss(self._x, self._random.uniform(DRAWS))
        elapsed += 1
        final, truncated = self._observed(), elapsed >= self.episode_length
        if truncated.any():
            elapsed[truncated] = 0
            self._begin(truncated.numpy())
        reward, never = torch.from_numpy(exact).float(), torch.zeros_like(truncated)
        return Transition(self._observed(), reward, never, truncated, final, None, {}, exact)

    @property
    def elapsed(self) -> Tensor:
        return self._started().clone()

    def render(self, index: int = 0, width: int = 480, height: int = 360) -> np.ndarray:
        """The line from −1.5 to 1.5, betting to the right of 0, the player above it, and the coins: dark for −1."""
        self._started()
        picture = np.full((height, width, 3), 255, dtype=np.uint8)
        line, unit = 3 * height // 4, max(height // 12, 1)
        picture[line : line + max(unit // 4, 1), width // 2 :] = (31, 119, 180)
        picture[line : line + max(unit // 4, 1), : width // 2] = (160, 160, 160)
        place = round((self._x[index] + EDGE) / (2 * EDGE) * (width - 1))
        picture[line - 2 * unit : line, max(place - unit // 2, 0) : place + unit // 2 + 1] = (214, 39, 40)
        for number, coin in enumerate(self._coins[index]):
            left = width // 2 + (3 * number - self.task.coins) * unit
            picture[unit : 3 * unit, left : left + 2 * unit] = (40, 40, 40) if coin < 0 else (240, 200, 60)
        return picture

    def state_dict(self) -> dict[str, Any]:
        arrays = self._random.state() | {"x": self._x, "coins": self._coins}
        return {"elapsed": self.elapsed} | {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.check_saved(len(state["elapsed"]))
        self._elapsed = torch.zeros(self.num_envs, dtype=torch.int64) if self._elapsed is None else self._elapsed
        check_form(state, self.state_dict(), "env")
        check_range(state["elapsed"], 0, self.episode_length, "env/elapsed")
        self._elapsed = state["elapsed"].clone()
        self._random.load_state({name: state[name].numpy() for name in ("keys", "drawn")})
        self._x, self._coins = (state[name].numpy().copy() for name in ("x", "coins"))

    def _begin(self, rows: NDArray[np.bool_]) -> None:
        """Start an episode in these rows."""
        low, high = START
        drawn = self._random.uniform(DRAWS, rows)
        self._x[rows] = low + (high - low) * drawn[rows, 0]
        self._coins[rows] = self.task.toss(self._x, self._random.uniform(DRAWS, rows))[rows]

    def _observed(self) -> Tensor:
        return torch.from_numpy(np.concatenate([self._x[:, None], self._coins], 1)).float()

    def _started(self) -> Tensor:
        if self._elapsed is None:
            raise WmzooError(NOT_STARTED)
        return self._elapsed

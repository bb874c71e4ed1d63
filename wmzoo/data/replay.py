"""A replay ring that holds complete and running episodes of many environments, without a loop over environments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from wmzoo.compute.device import send
from wmzoo.envs.base import Transition
from wmzoo.storage.form import check_form, check_range
from wmzoo.storage.tensors import AnyTensor, row_ranges, whole

NO_EPISODE = -1
MAX_ROUNDS = 8
COUNTED = 2**20  # rows at a time, where whole slices are counted
ROWS = ("obs", "action", "reward", "episode", "terminated")  # arrays with a row per stored step


class Slices(NamedTuple):
    """obs[H+1,B,O], actions[H,B,A], rewards[H,B]: H consecutive steps of one episode in each column.

    rewards[t] and obs[t+1] followed from actions[t] in obs[t]. terminated bool[H,B]: whether the task itself ended
    there, which the last step alone can; None where that is not told.
    """

    obs: Tensor
    actions: Tensor
    rewards: Tensor
    terminated: Tensor | None = None

    def map(self, change: Callable[[Tensor], Tensor]) -> Slices:
        """The same change of every tensor that is there."""
        obs, actions, rewards = (change(tensor) for tensor in self[:3])
        return Slices(obs, actions, rewards, None if self.terminated is None else change(self.terminated))

    def to(self, device: torch.device) -> Slices:
        """The same slices on `device`."""
        return self.map(lambda tensor: send(tensor, device))


class NoSlices(ValueError):
    """No episode has as many steps as a slice."""


class ReplayBuffer:
    """One ring of rows per environment. An episode of L steps takes L+1 rows; its last row holds the final observation.

    It lies on the CPU, wherever the environments are. Each of them has a write pointer of its own, so the extra rows at
    episode ends do not disturb the others. Every row carries the number of its episode: a slice of H steps is whole
    exactly if its first and last row carry the same and it does not run past the newest row, over the ring's seam.

    Args:
        capacity: rows in all (environment steps plus one per episode), divided evenly over the environments.
        episode_length: the longest episode in steps; a ring shorter than one episode is refused (ValueError).
        recency: κ ≥ 1. A row of rank r among N, the oldest first, is drawn with density κ r^{κ−1}/N^κ; 1 is uniform.
        terminates: whether a task can end by itself, and it is kept where one did.
    """

    def __init__(
        self,
        capacity: int,
        num_envs: int,
        obs_dim: int,
        act_dim: int,
        episode_length: int,
        generator: torch.Generator,
        recency: float = 1.0,
        terminates: bool = False,
    ) -> None:
        self.rows, self.num_envs, self.generator = capacity // num_envs, num_envs, generator
        self.recency = recency
        if self.rows < episode_length + 2:
            raise ValueError(
                f"a replay of {capacity} rows gives each of {num_envs} environments {self.rows}, less than one episode "
                f"of {episode_length} steps: set the capacity to at least {(episode_length + 2) * num_envs}"
            )
        # full, not zeros: the memory is taken now, and a run that does not fit fails before it has begun
        self.obs = torch.full((self.rows, num_envs, obs_dim), 0.0)
        self.action = torch.full((self.rows, num_envs, act_dim), 0.0)
        self.reward = torch.full((self.rows, num_envs), 0.0)
        self.episode = torch.full((self.rows, num_envs), NO_EPISODE, dtype=torch.int32)
        self.terminated = torch.full((self.rows, num_envs), False) if terminates else None
        self.kept = [name for name in ROWS if getattr(self, name) is not None]
        self.head = torch.zeros(num_envs, dtype=torch.long)  # the row that holds the newest observation
        self.envs = torch.arange(num_envs)
        self.next_episode = 0
        self.filled = 0  # rows below this one have been written in some environment

    def __len__(self) -> int:
        """Rows that are filled: steps plus one per episode."""
        return int(torch.count_nonzero(self.episode != NO_EPISODE))  # a sum would take eight bytes a row

    def start(self, obs: Tensor) -> None:
        """Begin an episode in every environment at obs[B,O] (after a reset), B environments."""
        self._open(self.envs, obs.cpu())

    def restart(self, envs: Tensor, obs: Tensor) -> None:
        """Leave the running episodes of envs[B], bool, where they are, and begin others at their rows of obs[B,O]."""
        rows = envs.nonzero().squeeze(-1)
        self.head[rows] = (self.head[rows] + 1) % self.rows
        self._open(rows, obs[rows].cpu())

    def add(self, action: Tensor, transition: Transition) -> None:
        """Store one step of all environments: action[B,A] taken in the newest observations, and what followed.

        A step with a number that is not finite is kept out of every slice: its row belongs to no episode.
        """
        rows, transition = self.head, transition.to("cpu")
        before = self.episode[rows, self.envs]
        finite = transition.reward.isfinite() & transition.final_obs.isfinite().all(1)
        self.action[rows, self.envs] = action.detach().cpu()
        self.reward[rows, self.envs] = transition.reward
        if self.terminated is not None:
            self.terminated[rows, self.envs] = transition.terminated
        self.head = (rows + 1) % self.rows
        self.obs[self.head, self.envs] = transition.final_obs
        self.episode[self.head, self.envs] = torch.where(finite, before, NO_EPISODE)
        self._count_filled()
        anew = (finite & (before == NO_EPISODE)).nonzero().squeeze(-1)
        self._open(anew, transition.final_obs[anew])
        if transition.done.any():
            self.restart(transition.done, transition.obs)

    def _open(self, envs: Tensor, obs: Tensor) -> None:
        numbers = self.next_episode + torch.arange(len(envs))
        self.obs[self.head[envs], envs] = obs
        self.episode[self.head[envs], envs] = numbers.where(obs.isfinite().all(1), NO_EPISODE).to(self.episode)
        self.next_episode += len(envs)
        self._count_filled()

    def _count_filled(self) -> None:
        self.filled = max(self.filled, int(self.head.max()) + 1)

    def sample(self, batch: int, horizon: int, generator: torch.Generator | None = None) -> Slices:
        """`batch` slices of `horizon` steps, over all whole ones, the recent ones more often (`recency`). NoSlices if
        there is none yet.

        generator: another random stream than the replay's own, for looking without disturbing the training.
        """
        start, env = self._starts(batch, horizon, generator or self.generator)
        rows = (start + torch.arange(horizon + 1).unsqueeze(1)) % self.rows
        taken = rows[:-1]
        ends = None if self.terminated is None else self.terminated[taken, env]
        return Slices(self.obs[rows, env], self.action[taken, env], self.reward[taken, env], ends)

    def _starts(self, batch: int, horizon: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Rows and environments of whole slices, by rejection; counted out where rejection is slow."""
        found: list[Tensor] = []
        count = 0
        for _ in range(MAX_ROUNDS):
            draws = self._draws(2 * batch, generator)
            found.append(draws[self._whole(draws // self.num_envs, draws % self.num_envs, horizon)])
            count += len(found[-1])
            if count >= batch:
                chosen = torch.cat(found)[:batch]
                return chosen // self.num_envs, chosen % self.num_envs
        total = self.filled * self.num_envs
        parts = (torch.arange(first, min(first + COUNTED, total)) for first in range(0, total, COUNTED))
        every = torch.cat([part[self._whole(part // self.num_envs, part % self.num_envs, horizon)] for part in parts])
        if not len(every):
            raise NoSlices(f"no episode in the replay has {horizon} steps yet")
        chosen = every[self._among(every, batch, generator)]
        return chosen // self.num_envs, chosen % self.num_envs

    def _draws(self, count: int, generator: torch.Generator) -> Tensor:
        """Rows, numbered row · B + environment, int64[count]: uniform, or by their age, from the newest of each
        ring."""
        if self.recency == 1:
            return torch.randint(self.filled * self.num_envs, (count,), generator=generator)
        env = torch.randint(self.num_envs, (count,), generator=generator)
        rank = self.filled * torch.rand(count, dtype=torch.float64, generator=generator) ** (1 / self.recency)
        age = self.filled - 1 - rank.long().clamp(max=self.filled - 1)
        return (self.head[env] - age) % self.rows * self.num_envs + env

    def _among(self, rows: Tensor, count: int, generator: torch.Generator) -> Tensor:
        """Indices of rows, numbered as in `_draws` and all of them good, drawn as it draws."""
        if self.recency == 1:
            return torch.randint(len(rows), (count,), generator=generator)
        rank = self.filled - 1 - self._age(rows // self.num_envs, rows % self.num_envs)
        up_to = ((rank + 1).double() ** self.recency - rank.double() ** self.recency).cumsum(0)
        drawn = up_to[-1] * torch.rand(count, dtype=torch.float64, generator=generator)
        return torch.searchsorted(up_to, drawn, right=True).clamp(max=len(rows) - 1)

    def _age(self, row: Tensor, env: Tensor) -> Tensor:
        """Steps from a row up to its environment's newest one."""
        return (self.head[env] - row) % self.rows

    def _whole(self, row: Tensor, env: Tensor, horizon: int) -> Tensor:
        first, last = self.episode[row, env], self.episode[(row + horizon) % self.rows, env]
        return (first == last) & (first != NO_EPISODE) & (self._age(row, env) >= horizon)

    def state_dict(self) -> dict[str, Tensor]:
        """Tensors from which `load_state_dict` goes on exactly, the random stream included."""
        counters = torch.tensor([self.next_episode, self.filled])
        rows = {name: getattr(self, name)[: self.filled] for name in self.kept}
        return rows | {"head": self.head, "counters": counters, "generator": self.generator.get_state()}

    def check_state(self, state: Mapping[str, AnyTensor]) -> None:
        """ValueError, naming the place, for a state that is not one of a replay of this size."""
        check_form(state.get("counters"), torch.tensor([0, 0]), "replay/counters")
        next_episode, filled = whole(state["counters"]).tolist()
        if not (0 <= next_episode < 2**31 and 1 <= filled <= self.rows):
            raise ValueError(f"replay/counters tell of {next_episode} episodes in {filled} of {self.rows} rows")
        rows = {name: getattr(self, name)[:filled] for name in self.kept}
        wanted = rows | {"head": self.head, "counters": torch.tensor([0, 0]), "generator": self.generator.get_state()}
        check_form(state, wanted, "replay")
        check_range(whole(state["head"]), 0, filled, "replay/head")
        for part in row_ranges(state["episode"]):
            check_range(state["episode"][part], NO_EPISODE, next_episode, "replay/episode")

    def load_state_dict(self, state: Mapping[str, AnyTensor]) -> None:
        """Restore what `state_dict` gave, a piece at a time: tensors that lie in a file need no memory of their own.

        ValueError for the state of a replay of another size; nothing is taken of it.
        """
        self.check_state(state)
        self.next_episode, self.filled = whole(state["counters"]).tolist()
        for name in self.kept:
            for part in row_ranges(state[name]):
                getattr(self, name)[part].copy_(state[name][part])
        self.episode[self.filled :] = NO_EPISODE
        self.head.copy_(whole(state["head"]))
        self.generator.set_state(whole(state["generator"]))

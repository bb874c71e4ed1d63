"""A replay ring that holds complete and running episodes of many environments, without a loop over environments."""

from __future__ import annotations

from collections.abc import Mapping
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
ROWS = ("obs", "action", "reward", "episode")  # arrays with a row per stored step


class Slices(NamedTuple):
    """obs[H+1,B,O], actions[H,B,A], rewards[H,B]: H consecutive steps of one episode in each column.

    rewards[t] and obs[t+1] followed from actions[t] in obs[t].
    """

    obs: Tensor
    actions: Tensor
    rewards: Tensor

    def to(self, device: torch.device) -> Slices:
        """The same slices on `device`."""
        return Slices(*(send(tensor, device) for tensor in self))


class ReplayBuffer:
    """One ring of rows per environment. An episode of L steps takes L+1 rows; its last row holds the final observation.

    It lies on the CPU, wherever the environments are. Each of them has a write pointer of its own, so the extra rows at
    episode ends do not disturb the others. Every row carries the number of its episode: a slice of H steps is whole
    exactly if its first and last row carry the same and it does not run past the newest row, over the ring's seam.

    Args:
        capacity: rows in all (environment steps plus one per episode), divided evenly over the environments.
        episode_length: the longest episode in steps; a ring shorter than one episode is refused (ValueError).
    """

    def __init__(
        self,
        capacity: int,
        num_envs: int,
        obs_dim: int,
        act_dim: int,
        episode_length: int,
        generator: torch.Generator,
    ) -> None:
        self.rows, self.num_envs, self.generator = capacity // num_envs, num_envs, generator
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
        """`batch` slices of `horizon` steps, uniform over all whole ones. ValueError if there is none yet.

        generator: another random stream than the replay's own, for looking without disturbing the training.
        """
        start, env = self._starts(batch, horizon, generator or self.generator)
        rows = (start + torch.arange(horizon + 1).unsqueeze(1)) % self.rows
        return Slices(self.obs[rows, env], self.action[rows[:-1], env], self.reward[rows[:-1], env])

    def _starts(self, batch: int, horizon: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Rows and environments of whole slices, by rejection; counted out where rejection is slow."""
        found: list[Tensor] = []
        count = 0
        for _ in range(MAX_ROUNDS):
            draws = torch.randint(self.filled * self.num_envs, (2 * batch,), generator=generator)
            found.append(draws[self._whole(draws // self.num_envs, draws % self.num_envs, horizon)])
            count += len(found[-1])
            if count >= batch:
                chosen = torch.cat(found)[:batch]
                return chosen // self.num_envs, chosen % self.num_envs
        total = self.filled * self.num_envs
        parts = (torch.arange(first, min(first + COUNTED, total)) for first in range(0, total, COUNTED))
        every = torch.cat([part[self._whole(part // self.num_envs, part % self.num_envs, horizon)] for part in parts])
        if not len(every):
            raise ValueError(f"no episode in the replay has {horizon} steps yet")
        chosen = every[torch.randint(len(every), (batch,), generator=generator)]
        return chosen // self.num_envs, chosen % self.num_envs

    def _whole(self, row: Tensor, env: Tensor, horizon: int) -> Tensor:
        first, last = self.episode[row, env], self.episode[(row + horizon) % self.rows, env]
        behind = (self.head[env] - row) % self.rows  # steps up to the newest row
        return (first == last) & (first != NO_EPISODE) & (behind >= horizon)

    def state_dict(self) -> dict[str, Tensor]:
        """Tensors from which `load_state_dict` goes on exactly, the random stream included."""
        counters = torch.tensor([self.next_episode, self.filled])
        rows = {name: getattr(self, name)[: self.filled] for name in ROWS}
        return rows | {"head": self.head, "counters": counters, "generator": self.generator.get_state()}

    def check_state(self, state: Mapping[str, AnyTensor]) -> None:
        """ValueError, naming the place, for a state that is not one of a replay of this size."""
        check_form(state.get("counters"), torch.tensor([0, 0]), "replay/counters")
        next_episode, filled = whole(state["counters"]).tolist()
        if not (0 <= next_episode < 2**31 and 1 <= filled <= self.rows):
            raise ValueError(f"replay/counters tell of {next_episode} episodes in {filled} of {self.rows} rows")
        rows = {name: getattr(self, name)[:filled] for name in ROWS}
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
        for name in ROWS:
            for part in row_ranges(state[name]):
                getattr(self, name)[part].copy_(state[name][part])
        self.episode[self.filled :] = NO_EPISODE
        self.head.copy_(whole(state["head"]))
        self.generator.set_state(whole(state["generator"]))

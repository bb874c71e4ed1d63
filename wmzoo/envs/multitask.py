"""Several tasks in one batch: MT30, MT80, or a list of their tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wmzoo.envs.base import NewEpisodes, Transition, VectorEnv
from wmzoo.envs.task_sets import find, task_set
from wmzoo.errors import WmzooError
from wmzoo.registry import build


class MultitaskVectorEnv(VectorEnv):
    """B environments dealt out to the M tasks that are played: environment i plays the (i mod M)-th, so that counts
    differ by one at most. Fewer environments than tasks play the first B.

    set: mt30, mt80, or names of MT80's tasks; N of them, numbered from 0.  only: names of those that are played; None
    for all. Widths, masks and numbers are those of the whole set.  action_repeat: raw steps per agent step.
    episode_length: agent steps until truncation; by default each task's own, 500 in dm_control and 100 in Meta-World.
    backend: of each task's batch.

    Observations are padded with zeros at the end to the widest task's, of the actions a task takes the first it has. As
    an attribute, `episode_length` is the longest one played, `control_timestep` that of environment 0, the one that is
    filmed. `success` is the task's own at every step, the one that counts is an episode's last; it is 0 for
    dm_control's tasks, and None for a set of those alone. Raises WmzooError for an unknown set or task, and where
    Meta-World is needed and not installed.

    Attributes:
        task_set: the N tasks.
        tasks: int64 [B], the task of each environment.
        obs_dims, action_dims: of each of the N tasks.
        action_masks: float32 [N, A], 1 for the actions that a task has.
    """

    tasks: Tensor
    action_dims: tuple[int, ...]

    def __init__(
        self,
        set: str | Sequence[str],
        num_envs: int,
        only: Sequence[str] | None = None,
        action_repeat: int = 2,
        episode_length: int | None = None,
        backend: str = "auto",
        device: str = "cpu",
    ) -> None:
        self.task_set, self.num_envs, self.device = task_set(set), num_envs, torch.device(device)
        self.obs_dims = tuple(task.obs_dim for task in self.task_set)
        self.action_dims = tuple(task.act_dim for task in self.task_set)
        self.obs_dim, self.act_dim = max(self.obs_dims), max(self.action_dims)
        self.action_masks = (torch.arange(self.act_dim) < torch.tensor(self.action_dims)[:, None]).float().to(device)
        played = [self.task_set.index(find(name, self.task_set)) for name in only or ()] or range(len(self.task_set))
        played = list(played)[:num_envs]
        self._rows = [torch.arange(place, num_envs, len(played)) for place in range(len(played))]  # of each batch
        self._numbers = played
        self.tasks = torch.tensor([played[row % len(played)] for row in range(num_envs)], device=device)
        self._scored = any(task.suite == "metaworld" for task in self.task_set)
        self._batches: list[Any] = []
        try:
            for number, rows in zip(played, self._rows, strict=True):
                task, copies = self.task_set[number], len(rows)
                params = {"action_repeat": action_repeat, "episode_length": episode_length, "backend": backend}
                self._batches.append(build("env", task.suite, task=task.name, num_envs=copies, **params))
        except BaseException:
            self.close()
            raise
        self.control_timestep = self._batches[0].control_timestep
        self.terminates = any(batch.terminates for batch in self._batches)
        self.episode_length = max(batch.episode_length for batch in self._batches)

    def reset(self, seed: int, stagger: bool = False) -> Tensor:
        starts = []
        for number, rows, batch in zip(self._numbers, self._rows, self._batches, strict=True):
            starts.append(batch.reset(task_seed(seed, number)))
            if stagger:
                batch.start_at(rows.numpy() / self.num_envs)
        return self._gathered(starts, self.obs_dim)

    def step(self, actions: Tensor) -> Transition:
        native = torch.from_numpy(self.check_actions(actions))
        steps: list[Transition] = [
            batch.step(native[rows, : batch.act_dim]) for rows, batch in zip(self._rows, self._batches, strict=True)
        ]
        successes = [torch.zeros_like(s.reward) if s.success is None else s.success for s in steps]
        return Transition(
            obs=self._gathered([step.obs for step in steps], self.obs_dim),
            reward=self._gathered([step.reward for step in steps]),
            terminated=self._gathered([step.terminated for step in steps]),
            truncated=self._gathered([step.truncated for step in steps]),
            final_obs=self._gathered([step.final_obs for step in steps], self.obs_dim),
            success=self._gathered(successes) if self._scored else None,
            info={},
            exact=self._gathered([torch.from_numpy(step.exact) for step in steps]).cpu().numpy(),
        )

    @property
    def elapsed(self) -> Tensor:
        return self._gathered([batch.elapsed for batch in self._batches]).cpu()

    @property
    def workers(self) -> tuple[int, ...]:
        return tuple(worker for batch in self._batches for worker in batch.workers)

    def render(self, index: int = 0, width: int = 480, height: int = 360) -> np.ndarray:
        copy, place = divmod(index, len(self._batches))
        picture: np.ndarray = self._batches[place].render(copy, width, height)
        return picture

    def check_rendering(self) -> None:
        self._batches[0].check_rendering()

    def state_dict(self) -> dict[str, Any]:
        return {"batches": [batch.state_dict() for batch in self._batches]}

    def load_state_dict(self, state: dict[str, Any]) -> NewEpisodes | None:
        if len(state["batches"]) != len(self._batches):
            raise WmzooError(f"the saved state has {len(state['batches'])} tasks, this one plays {len(self._batches)}")
        for batch, saved in zip(self._batches, state["batches"], strict=True):
            batch.load_state_dict(saved)
        return None  # dm_control and Meta-World go on exactly

    def close(self) -> None:
        for batch in self._batches:
            batch.close()

    def _gathered(self, parts: list[Tensor], width: int | None = None) -> Tensor:
        """The batches' rows in their places [B, …]; with `width`, zeros behind them [B, width]."""
        shape = (self.num_envs,) if width is None else (self.num_envs, width)
        whole = torch.zeros(shape, dtype=parts[0].dtype)
        for rows, part in zip(self._rows, parts, strict=True):
            if width is None:
                whole[rows] = part
            else:
                whole[rows, : part.shape[1]] = part
        return whole.to(self.device)


def task_seed(seed: int, number: int) -> int:
    """The seed of the batch that plays the task of this number."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])

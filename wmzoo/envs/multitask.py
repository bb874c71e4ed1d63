"""Several tasks in one batch: MT30, MT80, or a list of their tasks."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from wmzoo.envs.padded import PaddedSimulator
from wmzoo.envs.serial import SerialVectorEnv, check_backend
from wmzoo.registry import build
from wmzoo.task_sets import task_set


class MultitaskVectorEnv(SerialVectorEnv):
    """B environments spread over N tasks: environment i plays task i mod N, so that counts differ by one at most.

    Fewer environments than tasks play the first B tasks only; widths, masks and indices are those of the whole set.

    set: mt30, mt80, or names of MT80's tasks.  action_repeat: raw steps per agent step.  episode_length: agent steps
    until truncation; by default each task's own, 500 in dm_control and 100 in Meta-World.  Observations are padded with
    zeros at the end to the widest task's, of the actions a task takes the first it has. As an attribute,
    `episode_length` is the longest one played, `control_timestep` that of environment 0, the one that is filmed.
    `success` is the task's own at every step, the one that counts is an episode's last; it is 0 for dm_control's tasks,
    and None for a set of those alone. Raises WmzooError for an unknown set or task, and where Meta-World is needed and
    not installed.

    Attributes:
        task_set: the N tasks.
        tasks: int64 [B], the task of each environment.
        obs_dims, action_dims: of each of the N tasks.
        action_masks: float32 [N, A], 1 for the actions that a task has.
    """

    tasks: torch.Tensor
    action_dims: tuple[int, ...]

    def __init__(
        self,
        set: str | Sequence[str],
        num_envs: int,
        action_repeat: int = 2,
        episode_length: int | None = None,
        backend: str = "serial",
        device: str = "cpu",
    ) -> None:
        check_backend(backend, num_envs)
        self.task_set = task_set(set)
        self.obs_dims = tuple(task.obs_dim for task in self.task_set)
        self.action_dims = tuple(task.act_dim for task in self.task_set)
        count = len(self.task_set)
        batches = [
            build(
                "env",
                task.suite,
                task=task.name,
                num_envs=len(range(index, num_envs, count)),
                action_repeat=action_repeat,
                episode_length=episode_length,
                backend=backend,
            )
            for index, task in enumerate(self.task_set[:num_envs])
        ]
        rows = [divmod(row, count) for row in range(num_envs)]
        scored = any(task.suite == "metaworld" for task in self.task_set)
        widths = max(self.obs_dims), max(self.action_dims)
        simulators = [PaddedSimulator(batches[task].simulators[copy], *widths, scored) for copy, task in rows]
        self.tasks = torch.tensor([task for _, task in rows], device=device)
        self.action_masks = (torch.arange(widths[1]) < torch.tensor(self.action_dims)[:, None]).float().to(device)
        self.control_timestep = batches[0].control_timestep
        super().__init__(simulators, [batches[task].episode_length for _, task in rows], device)

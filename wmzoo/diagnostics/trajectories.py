"""Real trajectories, for looking at: none of them was trained on."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from wmzoo.agent.agent import Agent
from wmzoo.data.replay import Slices
from wmzoo.envs.base import VectorEnv
from wmzoo.errors import RunFailed


class Trajectories(NamedTuple):
    """obs[T+1,B,O], actions[T,B,A], rewards[T,B]; alive[T,B]: the step belongs to the environment's first episode."""

    obs: Tensor
    actions: Tensor
    rewards: Tensor
    alive: Tensor

    def slices(self, horizon: int, count: int, generator: torch.Generator) -> Slices:
        """`count` slices of `horizon` steps, drawn uniformly from all that lie within an episode."""
        steps = len(self.actions)
        if steps < horizon:
            raise RunFailed(f"the episodes have {steps} steps, fewer than the horizon {horizon}")
        whole = self.alive.unfold(0, horizon, 1).all(-1).nonzero()  # [·,2]: first step, environment
        if not len(whole):
            raise RunFailed(f"no episode lasted {horizon} steps")
        chosen = whole[torch.randint(len(whole), (count,), generator=generator)]
        rows = chosen[:, 0] + torch.arange(horizon + 1).unsqueeze(1)
        env = chosen[:, 1]
        return Slices(self.obs[rows, env], self.actions[rows[:-1], env], self.rewards[rows[:-1], env])

    def states(self) -> Tensor:
        """Every observation that was acted on, [·,O]."""
        return self.obs[:-1][self.alive]


@torch.no_grad()
def collect(agent: Agent, env: VectorEnv, seed: int, generator: torch.Generator) -> Trajectories:
    """One episode in each environment from `env.reset(seed)`, of `env.tasks` where it has several.

    Actions are the stochastic policy's, as in training; of a model without one, uniform in [−1, 1].
    """
    device = next(agent.parameters()).device
    task = None if env.tasks is None else env.tasks.to(device)
    obs = env.reset(seed)
    _check_finite(obs)
    columns: tuple[list[Tensor], ...] = ([obs], [], [], [])
    running = torch.ones(env.num_envs, dtype=torch.bool)
    for _ in range(env.episode_length):
        if agent.actor is None:
            drawn = 2 * torch.rand(env.num_envs, env.act_dim, generator=generator) - 1
            actions = agent.world_model.mask(drawn.to(device), task).cpu()
        else:
            actions = agent.act(obs.to(device), task, deterministic=False, generator=generator).cpu()
        transition = env.step(actions)
        _check_finite(transition.final_obs.cpu()[running])
        for column, new in zip(columns, (transition.final_obs, actions, transition.reward, running), strict=True):
            column.append(new.cpu())
        running = running & ~transition.done.cpu()
        obs = transition.obs
        if not running.any():
            break
    return Trajectories(*(torch.stack(column) for column in columns))


def _check_finite(obs: Tensor) -> None:
    if not obs.isfinite().all():
        raise RunFailed("an observation is not finite: there are no trajectories to look at")

"""Collecting chunks in TD-MPC2's format: whole episodes of many tasks, by random actions or by policies of runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from omegaconf import OmegaConf
from torch import Tensor

from wmzoo.agent.agent import Agent
from wmzoo.compute.rng import seed_of, stream
from wmzoo.data.chunk_files import MADE, TASKS, read_collection
from wmzoo.data.chunks import Chunk, write_chunk
from wmzoo.envs.base import VectorEnv
from wmzoo.envs.task_sets import Task, task_set
from wmzoo.errors import WmzooError
from wmzoo.registry import build
from wmzoo.storage.files import write_text
from wmzoo.storage.lock import FolderLock

CHUNK_EPISODES = 1000  # per file, at most
MOST_ENVS = 16  # of a task at a time

Say = Callable[[str, int, int], None]  # task, episodes done, and in all


class Collector(Protocol):
    """A policy by which data are collected, for obs [B,O] of task `number`: actions [B,A] with A = `act_dim`."""

    def __call__(self, obs: Tensor, number: int, act_dim: int, noise: torch.Generator) -> Tensor: ...


def uniform(obs: Tensor, number: int, act_dim: int, noise: torch.Generator) -> Tensor:
    """Actions drawn uniformly from [-1, 1], whatever is observed."""
    return 2 * torch.rand(len(obs), act_dim, generator=noise) - 1


class SampledPolicy:
    """An agent's policy with its noise.

    tasks: by number, as they are collected. A multitask agent that was trained on a set knows them by its own numbers.

    Raises WmzooError for an agent without a policy, a task of other widths than its own, and one its set does not have.
    """

    def __init__(self, agent: Agent, tasks: Sequence[Task]) -> None:
        if agent.actor is None:
            raise WmzooError("--policy holds a world model alone, which does not act")
        self.agent = agent
        self.numbers: list[int] | None = None
        if agent.world_model.task_embedding is not None:
            chosen = OmegaConf.select(agent.cfg, "env.set")
            own = [task.name for task in (task_set(chosen) if chosen else tasks)]
            unknown = [task.name for task in tasks if task.name not in own]
            if unknown:
                raise WmzooError(f"--policy was not trained on {unknown[0]}, but on {', '.join(own)}")
            self.numbers = [own.index(task.name) for task in tasks]
        widest = agent.obs_dim, agent.act_dim
        for task in tasks:
            widths = task.obs_dim, task.act_dim
            if widths != widest and (self.numbers is None or widths[0] > widest[0] or widths[1] > widest[1]):
                raise WmzooError(
                    f"--policy takes observations of {widest[0]} numbers and gives actions of {widest[1]}, "
                    f"{task.name} has {widths[0]} and {widths[1]}"
                )

    def __call__(self, obs: Tensor, number: int, act_dim: int, noise: torch.Generator) -> Tensor:
        task = None if self.numbers is None else torch.full((len(obs),), self.numbers[number])
        padded = F.pad(obs, (0, self.agent.obs_dim - obs.shape[1]))
        return self.agent.act(padded, task, deterministic=False, generator=noise)[:, :act_dim]


class Disturbed:
    """Another policy's actions with noise: a + σ ξ with ξ ~ N(0, I), clipped to [-1, 1], and for a share of the steps
    uniformly random ones in their place.

    std: σ, where an action's range is [-1, 1]. random: the share, from 0 to 1.
    """

    def __init__(self, policy: Collector, std: float = 0.0, random: float = 0.0) -> None:
        self.policy, self.std, self.random = policy, std, random

    def __call__(self, obs: Tensor, number: int, act_dim: int, noise: torch.Generator) -> Tensor:
        action = self.policy(obs, number, act_dim, noise)
        action = (action + self.std * torch.randn(action.shape, generator=noise)).clamp(-1, 1)
        chosen = torch.rand(len(obs), 1, generator=noise) < self.random
        return torch.where(chosen, uniform(obs, number, act_dim, noise), action)


def divided(episodes: int, weights: Sequence[float]) -> list[int]:
    """Whole numbers in proportion to the weights, of the sum `episodes`: the largest remainders are rounded up."""
    exact = [episodes * weight / sum(weights) for weight in weights]
    counts = [int(each) for each in exact]
    rest = sorted(range(len(exact)), key=lambda place: counts[place] - exact[place])
    for place in rest[: episodes - sum(counts)]:
        counts[place] += 1
    return counts


def collect(
    tasks: Sequence[Task],
    played: Sequence[tuple[int, Collector]],
    folder: Path,
    seed: int,
    facts: dict[str, Any],
    say: Say = lambda task, done, total: None,
) -> None:
    """Write chunk_0.pt … with episodes of every task, and tasks.json with their names and widths.

    Each file holds one task, padded to the widest, by one policy, and depends on nothing but the seed and its own
    place: a collection that was interrupted goes on with the first file that is missing.

    played: of every task, so many episodes by each of these policies, in this order.
    facts: what else tasks.json tells, as the policies' names; a folder that was begun with others is refused, but for
        what stands under MADE.

    Raises WmzooError for a folder with anything else in it, a policy that does not fit, or episodes of unequal lengths.
    """
    folder.mkdir(parents=True, exist_ok=True)
    episodes = sum(count for count, _ in played)
    parts: list[tuple[range, Collector]] = []
    for count, policy in played:
        first = parts[-1][0].stop if parts else 0
        last = first + count
        parts += [(range(n, min(n + CHUNK_EPISODES, last)), policy) for n in range(first, last, CHUNK_EPISODES)]
    lock = FolderLock(folder)
    try:
        _begin(folder, {**facts, "seed": seed, "episodes": episodes, "tasks": [task._asdict() for task in tasks]})
        places = [(number, part, policy) for number in range(len(tasks)) for part, policy in parts]
        for place, (number, part, policy) in enumerate(places):
            file = folder / f"chunk_{place}.pt"
            if not file.exists():  # files appear whole
                write_chunk(file, _chunk(tasks, number, part, policy, seed, say))
            say(tasks[number].name, part.stop, episodes)
    finally:
        lock.release()


def _begin(folder: Path, facts: dict[str, Any]) -> None:
    file = folder / TASKS
    if file.exists():
        if {**read_collection(folder), MADE: None} != {**facts, MADE: None}:
            raise WmzooError(f"{folder}: was begun with other tasks, episodes, policy or seed; choose another folder")
        return
    others = sorted(path.name for path in folder.iterdir() if path.name[0] != ".")
    if others:
        raise WmzooError(f"{folder}: holds {others[0]}, which is not of a collection; choose another folder")
    write_text(file, json.dumps(facts, indent=2) + "\n")


def _chunk(tasks: Sequence[Task], number: int, part: range, policy: Collector, seed: int, say: Say) -> Chunk:
    task, count, name = tasks[number], len(part), f"collect/{tasks[number].name}/{part.start}"
    env: VectorEnv = build("env", task.suite, task=task.name, num_envs=min(count, MOST_ENVS))
    try:
        noise, obs = stream(seed, f"{name}/noise"), env.reset(seed_of(seed, name))
        rounds = []
        for first in range(0, count, env.num_envs):
            played, obs = _play(env, obs, task, number, policy, noise)
            rounds.append(played)
            say(task.name, part.start + min(first + env.num_envs, count), part.stop)
    finally:
        env.close()
    obs, action, reward = (torch.cat(tensors)[:count] for tensors in zip(*rounds, strict=True))
    widths = max(task.obs_dim for task in tasks), max(task.act_dim for task in tasks)
    return Chunk(
        F.pad(obs, (0, widths[0] - task.obs_dim)),
        F.pad(action, (0, widths[1] - task.act_dim)),
        reward,
        torch.full(reward.shape, number, dtype=torch.int32),
    )


def _play(
    env: VectorEnv, obs: Tensor, task: Task, number: int, policy: Collector, noise: torch.Generator
) -> tuple[tuple[Tensor, Tensor, Tensor], Tensor]:
    """One episode in every environment from obs[B,O], as a chunk's tensors, and the first observations of the next."""
    nothing = float("nan")
    rows = [obs]
    actions, rewards = [torch.full((len(obs), env.act_dim), nothing)], [torch.full((len(obs),), nothing)]
    for step in range(1, env.episode_length + 1):
        action = policy(obs, number, env.act_dim, noise)
        transition = env.step(action)
        obs = transition.obs
        rows.append(transition.final_obs)
        actions.append(action.clamp(-1, 1))
        rewards.append(transition.reward)
        if bool(transition.done.any()) != (step == env.episode_length):
            raise WmzooError(
                f"{task.name}: an episode has other than {env.episode_length} steps; those of a chunk are equally long"
            )
    return (torch.stack(rows, 1), torch.stack(actions, 1), torch.stack(rewards, 1)), obs

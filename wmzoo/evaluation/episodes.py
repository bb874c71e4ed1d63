"""Evaluation: the deterministic policy on separate environments, one whole episode in each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from wmzoo.envs.base import VectorEnv
from wmzoo.errors import RunFailed, WmzooError


class Policy(Protocol):
    """Anything that acts: obs [B, O] to actions [B, A] in [-1, 1]."""

    def act(self, obs: Tensor, task: Tensor | None = None, deterministic: bool = True) -> Tensor: ...


class Camera(Protocol):
    """Anything that is shown environment 0 before each of its steps."""

    def capture(self, env: VectorEnv) -> None: ...


@dataclass(frozen=True)
class Evaluation:
    """What B episodes gave.

    Attributes:
        returns: undiscounted sums of rewards, one per episode, added in float64.
        lengths: agent steps per episode.
        successes: the success reported at an episode's last step; None where the task has no such notion.
        successes_any: whether any step of it reported success.
    """

    returns: tuple[float, ...]
    lengths: tuple[int, ...]
    successes: tuple[bool, ...] | None = None
    successes_any: tuple[bool, ...] | None = None

    @property
    def mean(self) -> float:
        return float(np.mean(self.returns))

    @property
    def std(self) -> float:
        """Standard deviation over the episodes (population, ddof 0)."""
        return float(np.std(self.returns))

    @property
    def success(self) -> float | None:
        """Fraction of episodes that are a success at their last step."""
        return None if self.successes is None else float(np.mean(self.successes))

    @property
    def success_any(self) -> float | None:
        """Fraction of episodes that are a success at some step: never less than `success`."""
        return None if self.successes_any is None else float(np.mean(self.successes_any))

    def row(self) -> dict[str, float | None]:
        """The evaluation's columns of a metrics row."""
        success = {"eval_success": self.success, "eval_success_any": self.success_any}
        return {"eval_return": self.mean, "eval_return_std": self.std} | success


@torch.no_grad()
def evaluate(
    agent: Policy,
    env: VectorEnv,
    seed: int,
    *,
    task: Tensor | None = None,
    recorder: Camera | None = None,
) -> Evaluation:
    """Runs one episode in each environment from `env.reset(seed)`; what follows an episode's end is ignored.

    Args:
        agent: a module is put in evaluation mode and back, and is given observations on its own device.
        env: as many environments as episodes wanted.
        seed: of the reset; the same seed, agent and machine give the same numbers.
        task: int64 [B] for a multitask agent; None for the environments' own tasks, if they have several.
        recorder: is shown environment 0 before each of its steps.

    Raises:
        WmzooError: the agent is one for observations or actions of other sizes.
        RunFailed: a non-finite observation, action or reward, or an episode longer than `env.episode_length`.
    """
    takes, has = ((getattr(x, "obs_dim", None), getattr(x, "act_dim", None)) for x in (agent, env))
    if None not in takes and takes != has:
        raise WmzooError(
            f"the agent was trained on another task: it takes observations of {takes[0]} numbers and gives actions of "
            f"{takes[1]}, where this environment has {has[0]} and {has[1]}"
        )
    training = getattr(agent, "training", False)
    if isinstance(agent, torch.nn.Module):
        agent.eval()
    try:
        return _episodes(agent, env, seed, task, recorder)
    finally:
        if isinstance(agent, torch.nn.Module):
            agent.train(training)


def _episodes(agent: Policy, env: VectorEnv, seed: int, task: Tensor | None, recorder: Camera | None) -> Evaluation:
    device = _device_of(agent)
    task = getattr(env, "tasks", None) if task is None else task
    task = task if task is None or device is None else task.to(device)
    obs = env.reset(seed)
    _check_finite("observation", obs, 0, seed)  # an agent that normalises would make a number of an infinity
    returns = torch.zeros(env.num_envs, dtype=torch.float64)
    lengths = torch.zeros(env.num_envs, dtype=torch.int64)
    succeeded = torch.zeros(2, env.num_envs, dtype=torch.bool)  # at the step just taken, at any
    has_success = False
    running = torch.ones(env.num_envs, dtype=torch.bool)
    for step in range(env.episode_length):
        if recorder is not None and bool(running[0]):
            recorder.capture(env)
        actions = agent.act(obs if device is None else obs.to(device), task=task, deterministic=True)
        _check_finite("action", actions.cpu()[running], step, seed)
        transition = env.step(actions)
        reward = transition.reward.cpu().double()
        _check_finite("reward", reward[running], step, seed)
        _check_finite("observation", transition.final_obs.cpu()[running], step + 1, seed)
        returns[running] += reward[running]
        lengths[running] += 1
        succeeded[0, running] = False  # a step that tells nothing is none
        if transition.success is not None:
            has_success = True
            succeeded[0, running] = transition.success.cpu()[running] > 0
            succeeded[1] |= succeeded[0]
        running &= ~(transition.terminated | transition.truncated).cpu()
        obs = transition.obs
        if not bool(running.any()):
            successes = [tuple(row) if has_success else None for row in succeeded.tolist()]
            return Evaluation(tuple(returns.tolist()), tuple(lengths.tolist()), *successes)
    raise RunFailed(f"evaluation: episodes did not end within the task's {env.episode_length} steps")


def _device_of(agent: Policy) -> torch.device | None:
    """Where a module's parameters are; None (observations stay where they are) for any other policy."""
    parameters = agent.parameters() if isinstance(agent, torch.nn.Module) else iter(())
    return next((parameter.device for parameter in parameters), None)


def _check_finite(name: str, values: Tensor, step: int, seed: int) -> None:
    if not bool(values.isfinite().all()):
        raise RunFailed(f"evaluation: non-finite {name} at step {step} of an episode (seed {seed})")

"""`wmzoo.as_env`: a trained world model as an environment of Gymnasium."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from wmzoo.agent.agent import Agent
from wmzoo.compute.rng import seed_of
from wmzoo.diagnostics.subject import subject_of
from wmzoo.envs.base import VectorEnv
from wmzoo.errors import WmzooError
from wmzoo.imagined.env import ImaginedEnv
from wmzoo.imagined.vector_env import ImaginedVectorEnv
from wmzoo.registry import build_from

FIRST = 64  # first observations that are asked of the real environment
Starts = Tensor | np.ndarray | Sequence[Sequence[float]]


def as_env(
    agent: Agent,
    starts: Starts | None = None,
    *,
    horizon: int = 50,
    num_envs: int | None = None,
    task: str | int | None = None,
) -> ImaginedEnv | ImaginedVectorEnv:
    """A gymnasium.Env, or with `num_envs` a gymnasium.vector.VectorEnv, whose steps the world model imagines.

    An observation is the latent, float32 [D]; a reward is what the reward head predicts, in the task's units. An
    episode ends where the model predicts that (see Episodes.step), and is truncated after `horizon` steps: the model's
    errors grow along them, `wmzoo diagnose` tells how fast.

    Args:
        starts: observations [N,O] of the real environment, at one of which, drawn uniformly, an episode begins: of a
            replay or a data set, say. By default first observations of FIRST episodes of the agent's own task.
        task: of a multi-task agent, by name or by number.

    Raises:
        WmzooError: starts of another width, or none where the agent's config names no environment; a task that is
            missing, unknown or not needed.
    """
    if horizon < 1 or (num_envs is not None and num_envs < 1):
        raise WmzooError(f"horizon={horizon} and num_envs={num_envs}: each is 1 or more")
    number: int | None = None
    if starts is None or task is not None or agent.world_model.task_embedding is not None:
        subject = subject_of(agent, None if task is None else str(task))
        number = subject.number
    if starts is None:
        env: VectorEnv = build_from("env", {**subject.env, "num_envs": FIRST})
        found = env.reset(seed_of(agent.cfg.seed, "imagined episodes"))
        env.close()
    else:
        found = torch.as_tensor(np.asarray(starts))
    if found.ndim != 2 or found.shape[1] != agent.obs_dim or not len(found) or not bool(found.isfinite().all()):
        raise WmzooError(f"starts has shape {tuple(found.shape)}; it takes finite observations [N, {agent.obs_dim}]")
    if num_envs is None:
        return ImaginedEnv(agent, found, horizon, number)
    return ImaginedVectorEnv(agent, found, num_envs, horizon, number)

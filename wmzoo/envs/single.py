"""A task as a plain Gymnasium environment: one row of the zoo's own batch."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.spaces import Box
from numpy.typing import NDArray
from omegaconf import DictConfig

from wmzoo.config.composition import compose
from wmzoo.envs.base import VectorEnv
from wmzoo.envs.build import build_env
from wmzoo.errors import WmzooError

Floats = NDArray[np.float32]


def make_env(task: str | DictConfig, seed: int = 0, render_mode: str | None = None) -> SingleEnv:
    """The environment of a task, with the zoo's observations, actions, action repeat and episode length.

    task: what can be typed after `env=`, a preset's name or a task's own; or a config that `wmzoo.compose` made, whose
    `env` it is.  seed: of the first episode, where `reset` is not given another one.  render_mode: None, or rgb_array.

    Raises WmzooError for an unknown name, a suite that is not installed, and pictures that cannot be made.
    """
    cfg = compose([f"env={task}"]) if isinstance(task, str) else task
    return SingleEnv(build_env(cfg, num_envs=1), seed, render_mode)


class SingleEnv(gymnasium.Env[Floats, Floats]):
    """A batch of one row in the API of Gymnasium: observations float32 [O], actions [A] in [-1, 1].

    `reset(seed=s)` begins the episode that row 0 of a batch begins with `reset(s)`; without a seed, the next one.
    `info` has `success`, where the task tells of it, and `task`, the number in a set of several tasks.
    """

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012 (as Gymnasium declares it)

    def __init__(self, rows: VectorEnv, seed: int = 0, render_mode: str | None = None) -> None:
        if render_mode not in (None, "rgb_array"):
            raise WmzooError(f"render_mode is rgb_array or None, not {render_mode!r}")
        if render_mode:
            rows.check_rendering()
        self.rows, self.render_mode = rows, render_mode
        self.metadata = {**self.metadata, "render_fps": round(1 / rows.control_timestep)}
        self.observation_space = Box(-np.inf, np.inf, (rows.obs_dim,), np.float32)
        self.action_space = Box(-1.0, 1.0, (rows.act_dim,), np.float32)
        self._first: int | None = seed  # of the first episode
        self._next: Floats | None = None  # the first observation of an episode that the batch has begun by itself
        self._running = False

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Floats, dict[str, Any]]:
        seed = self._first if seed is None else seed
        super().reset(seed=seed)
        if seed is not None or self._next is None:
            drawn = int(self.np_random.integers(2**31)) if seed is None else seed
            self._next = self.rows.reset(drawn)[0].cpu().numpy()
        obs, self._next, self._first, self._running = self._next, None, None, True
        return obs, self._info()

    def step(self, action: Floats) -> tuple[Floats, float, bool, bool, dict[str, Any]]:
        if not self._running:
            raise gymnasium.error.ResetNeeded("no episode is running: call reset() first")
        step = self.rows.step(torch.as_tensor(np.asarray(action, dtype=np.float64))[None])
        info = self._info() | ({} if step.success is None else {"success": float(step.success[0])})
        if step.done[0]:
            self._next, self._running = step.obs[0].cpu().numpy(), False
        ends = bool(step.terminated[0]), bool(step.truncated[0])
        return step.final_obs[0].cpu().numpy(), float(step.reward[0]), *ends, info

    def render(self) -> NDArray[np.uint8] | None:
        """A picture [height, width, 3], or None without a render_mode."""
        return self.rows.render(0) if self.render_mode else None

    def close(self) -> None:
        self.rows.close()

    def _info(self) -> dict[str, Any]:
        return {} if self.rows.tasks is None else {"task": int(self.rows.tasks[0])}

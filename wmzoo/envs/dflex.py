"""The dflex tasks of SHAC and PWM: cartpole, double pendulum, hopper, ant, anymal, humanoid, SNU humanoid.

Rewards are dflex's: of the observation before the step and its action, r(s_t, a_t).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from wmzoo.envs import dflex_package
from wmzoo.envs.base import NOT_STARTED, Transition, VectorEnv
from wmzoo.errors import WmzooError, unknown
from wmzoo.storage.form import check_form, check_range

NO_PICTURES = "no rendering: dflex draws no pictures, it writes scenes for viewers of USD files only"
EXPLODED = 1e6  # an observation beyond it is taken for a simulation that has failed


class Task(NamedTuple):
    """A class of `dflex.envs`, its episode length, and the paper's settings of it."""

    name: str
    episode_length: int
    settings: Mapping[str, Any]


# Settings: the public PWM code's scripts/cfg/env/dflex_*.yaml.
TASKS = {
    "cartpole": Task("CartPoleSwingUpEnv", 240, {"MM_caching_frequency": 8}),
    "doublependulum": Task("DoublePendulumEnv", 240, {"MM_caching_frequency": 8}),
    "hopper": Task(
        "HopperEnv",
        1000,
        {
            "MM_caching_frequency": 16,
            "termination_height": -0.45,
            "termination_angle": 0.524,
            "termination_height_tolerance": 0.15,
            "termination_angle_tolerance": 0.05,
            "height_rew_scale": 1.0,
            "angle_rew_scale": 1.0,
            "action_penalty": -0.1,
        },
    ),
    "ant": Task(
        "AntEnv",
        1000,
        {
            "MM_caching_frequency": 16,
            "termination_height": 0.27,
            "action_penalty": 0.0,
            "joint_vel_obs_scaling": 0.1,
            "up_rew_scale": 0.1,
        },
    ),
    "anymal": Task(
        "AnymalEnv",
        1000,
        {
            "MM_caching_frequency": 16,
            "termination_height": 0.25,
            "action_penalty": -5e-3,
            "up_rew_scale": 0.1,
            "heading_rew_scale": 1.0,
            "heigh_rew_scale": 1.0,  # dflex's spelling
        },
    ),
    "humanoid": Task(
        "HumanoidEnv",
        1000,
        {
            "MM_caching_frequency": 48,
            "termination_height": 0.74,
            "action_penalty": -0.002,
            "joint_vel_obs_scaling": 0.1,
            "termination_tolerance": 0.1,
            "height_rew_scale": 10.0,
            "up_rew_scale": 0.1,
            "heading_rew_scale": 1.0,
        },
    ),
    "snu_humanoid": Task(
        "SNUHumanoidEnv",
        1000,
        {
            "MM_caching_frequency": 8,
            "termination_height": 0.46,
            "termination_tolerance": 0.05,
            "height_rew_scale": 4.0,
            "up_rew_scale": 0.1,
            "heading_rew_scale": 1.0,
            "action_penalty": -1e-3,
            "joint_vel_obs_scaling": 0.1,
        },
    ),
}


class DflexVectorEnv(VectorEnv):
    """B copies of a dflex task, simulated together.

    task: a key of TASKS.  episode_length: agent steps until truncation; by default the task's.  device: where it is
    simulated, cpu or cuda; auto takes the GPU where there is one, and the CUDA compiler that dflex needs for it.
    options: further arguments of the task's class, over the paper's settings, which are the default.

    An environment whose observation or reward is not finite, or beyond EXPLODED, is terminated with a reward and a
    final observation of zero and starts anew; `info["recovered"]` counts them. WmzooError for an unknown task or
    option, and where dflex is missing.
    """

    differentiable = True

    def __init__(
        self,
        task: str,
        num_envs: int,
        episode_length: int | None = None,
        device: str = "auto",
        options: Mapping[str, Any] | None = None,
    ) -> None:
        if task not in TASKS:
            raise WmzooError(unknown("dflex task", task, TASKS))
        self._dflex = dflex_package.load()
        self.device = _device(device)
        found = TASKS[task]
        self.episode_length = episode_length or found.episode_length
        self.task, self.num_envs = task, num_envs
        given = {"stochastic_init": True, **found.settings, **(options or {})}
        with dflex_package.isolated(f"make {found.name} with {given}"), self._gradients(False):
            self._env = getattr(self._dflex.envs, found.name)(
                num_envs=num_envs, device=str(self.device), no_grad=True, episode_length=self.episode_length, **given
            )
        self._start = self._env.reset
        self._env.reset = lambda *args, **kwargs: None  # its auto-reset draws for all environments from one stream
        self.obs_dim, self.act_dim = int(self._env.num_obs), int(self._env.num_acts)
        self.control_timestep = float(self._env.dt)
        self._elapsed: Tensor | None = None  # int64 [B] on the CPU; None until the first reset
        self._streams = torch.zeros(num_envs, 2, dtype=torch.int64)  # of each row: seed, episodes begun

    def reset(self, seed: int, stagger: bool = False) -> Tensor:
        rows = np.random.SeedSequence(seed).spawn(self.num_envs)
        self._streams = torch.tensor([[int(row.generate_state(1)[0]), 0] for row in rows])
        self._elapsed = torch.zeros(self.num_envs, dtype=torch.int64)
        if stagger:
            self._elapsed = torch.arange(self.num_envs) * self.episode_length // self.num_envs
        return self._restart(range(self.num_envs))

    def step(self, actions: Tensor) -> Transition:
        elapsed = self._started()
        native = torch.from_numpy(self.check_actions(actions)).to(self.device, torch.float32)
        with self._gradients(False):
            obs, reward, _, info = self._env.step(native)
        final_obs, reward = obs.detach().clone(), reward.detach().clone()
        invalid = ~(final_obs.isfinite() & (final_obs.abs() <= EXPLODED)).all(1) | ~reward.isfinite()
        final_obs[invalid], reward[invalid] = 0.0, 0.0
        elapsed += 1
        terminated = info["termination"].detach() | invalid
        truncated = (elapsed >= self.episode_length).to(self.device) & ~terminated
        ended = (terminated | truncated).nonzero().flatten().tolist()
        start = final_obs.clone()
        if ended:
            elapsed[ended] = 0
            start[ended] = self._restart(ended)[ended]
        recovered = {"recovered": int(invalid.sum())}
        return Transition(start, reward, terminated, truncated, final_obs, None, recovered)

    @property
    def elapsed(self) -> Tensor:
        return self._started().clone()

    def render(self, index: int = 0, width: int = 480, height: int = 360) -> np.ndarray:
        raise WmzooError(NO_PICTURES)

    def check_rendering(self) -> None:
        raise WmzooError(NO_PICTURES)

    def state_dict(self) -> dict[str, Any]:
        elapsed, simulated = self.elapsed, {**self._env.get_checkpoint(), "obs": self._env.obs_buf}
        return {
            "elapsed": elapsed,
            "streams": self._streams.clone(),
            "simulated": {name: tensor.detach().cpu().clone() for name, tensor in simulated.items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.check_saved(len(state["elapsed"]))
        now = {**self._env.get_checkpoint(), "obs": self._env.obs_buf}
        check_form(
            state, {"elapsed": torch.zeros(self.num_envs).long(), "streams": self._streams, "simulated": now}, "env"
        )
        check_range(state["elapsed"], 0, self.episode_length, "env/elapsed")
        simulated = {name: tensor.to(self.device, copy=True) for name, tensor in state["simulated"].items()}
        with self._gradients(False):
            self._env.obs_buf = simulated.pop("obs")  # the next reward is computed from it
            self._env.clear_grad(simulated)
        self._elapsed, self._streams = state["elapsed"].clone(), state["streams"].clone()

    def differentiable_rewards(self, actions: Tensor) -> Tensor:
        here = self.state_dict()
        with self._gradients(True):
            rewards = torch.stack([self._env.step(action)[1] for action in actions.to(self.device, torch.float32)])
        self.load_state_dict(here)
        return rewards

    def _restart(self, rows: Sequence[int]) -> Tensor:
        """Begin an episode in each of `rows`; gives the observations of all, as a copy."""
        obs: Tensor = self._env.obs_buf
        with self._gradients(False), torch.random.fork_rng():
            for row in rows:
                seed, episode = self._streams[row].tolist()
                torch.manual_seed(int(np.random.SeedSequence([seed, episode]).generate_state(1)[0]))
                obs = self._start(torch.tensor([row], device=self.device))
                self._streams[row, 1] += 1
        return obs.detach().clone()

    @contextmanager
    def _gradients(self, kept: bool) -> Iterator[None]:
        """dflex keeps what it needs for gradients unless a switch is set, one for all environments of a process."""
        switches = self._dflex.config
        before, switches.no_grad = switches.no_grad, not kept
        try:
            with torch.set_grad_enabled(kept):
                yield
        finally:
            switches.no_grad = before

    def _started(self) -> Tensor:
        if self._elapsed is None:
            raise WmzooError(NOT_STARTED)
        return self._elapsed


def _device(name: str) -> torch.device:
    if name not in ("auto", "cpu", "cuda"):
        raise WmzooError(f"env.device is auto, cpu or cuda, not '{name}'")
    there = torch.cuda.is_available() and dflex_package.has_cuda_compiler()
    if name == "cuda" and not there:
        raise WmzooError("env.device=cuda: dflex needs a GPU and the CUDA compiler; env.device=cpu works without")
    return torch.device("cuda" if there and name != "cpu" else "cpu")

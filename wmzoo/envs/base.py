"""The contract of every environment suite: a batch of copies of one task, stepped together in torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from wmzoo.errors import RunFailed, WmzooError

NOT_STARTED = "the environment has not been started: call reset(seed) first"


class Transition(NamedTuple):
    """What one step of B environments returns; every tensor is detached and belongs to the caller.

    Where an environment ended (`done`), `obs` is already the first observation of the next episode and
    `final_obs` the true last one of the episode that ended; elsewhere both are the same observation.
    """

    obs: Tensor  # float32 [B, O]
    reward: Tensor  # float32 [B], summed over the action repeat
    terminated: Tensor  # bool [B]: the task itself ended; the value of what follows is zero
    truncated: Tensor  # bool [B]: cut off by the episode length; bootstrap from final_obs. Never both
    final_obs: Tensor  # float32 [B, O]
    success: (
        Tensor | None
    )  # float32 [B], 1 where the task counts as solved at this step; None where it has no such notion, or told of none
    info: dict[str, Any]  # recovered: how many simulations had failed and were started anew, where a suite does that
    exact: np.ndarray | None = None  # float64 [B]: the reward before it was rounded, where a suite has it

    @property
    def done(self) -> Tensor:
        """bool [B]: the episode ended, for whichever reason."""
        return self.terminated | self.truncated

    def to(self, device: torch.device | str) -> Transition:
        """The same transition on `device`."""
        moved: dict[str, Any] = {k: v.to(device) for k, v in self._asdict().items() if isinstance(v, Tensor)}
        return self._replace(**moved)


class NewEpisodes(NamedTuple):
    """What begins anew where a saved state cannot be brought back."""

    rows: Tensor  # bool [B], on the CPU: the environments that do
    obs: Tensor  # float32 [B, O]: their first observations; anything in the other rows


class VectorEnv(ABC):
    """A batch of B independent copies of one task with same-step auto-reset.

    num_envs: B.  obs_dim: O.  act_dim: A.  episode_length: agent steps (after action repeat) until
    truncation. control_timestep: simulated seconds per agent step. device: where the returned tensors are;
    actions may come from anywhere. With several tasks (N), tasks: int64 [B], which one each environment plays;
    action_dims: how many of the A actions each of the N takes, the first ones; episode_length: the longest.
    terminates: whether a step can end an episode by itself; False where it is certain that none does.
    differentiable: whether it has `differentiable_rewards`.
    workers: ids of the processes that step it, none for most; they end with it.
    """

    num_envs: int
    obs_dim: int
    act_dim: int
    episode_length: int
    control_timestep: float
    device: torch.device
    tasks: Tensor | None = None
    action_dims: tuple[int, ...] | None = None
    terminates: bool = True
    differentiable: bool = False

    @property
    def workers(self) -> tuple[int, ...]:
        return ()

    @abstractmethod
    def reset(self, seed: int, stagger: bool = False) -> Tensor:
        """Start new episodes from `seed` and return obs [B, O].

        Environment i draws from a stream of its own that depends on (seed, i) only, not on how many there
        are. stagger: let environment i start as if i/B of its first episode had passed, so that truncations
        are spread evenly over time; `elapsed` tells by how much.
        """

    @abstractmethod
    def step(self, actions: Tensor) -> Transition:
        """Advance every environment by one agent step and restart those that ended.

        actions: float [B, A] in [-1, 1], mapped linearly to the task's own range; what lies outside is
        clipped. Raises WmzooError for a wrong shape or a call before `reset`, RunFailed for a non-finite action.
        """

    @property
    @abstractmethod
    def elapsed(self) -> Tensor:
        """int64 [B]: agent steps taken in the running episodes (a copy)."""

    @abstractmethod
    def render(self, index: int = 0, width: int = 480, height: int = 360) -> np.ndarray:
        """Picture of environment `index`, uint8 [height, width, 3].

        Raises WmzooError where rendering is impossible, with what to install.
        """

    def check_rendering(self) -> None:  # noqa: B027 (most suites can)
        """Raise what `render` would raise where pictures are impossible. Draws nothing and needs no `reset`."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Simulators, tasks, generators and counters, as tensors, numbers, strings, lists and dicts."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any]) -> NewEpisodes | None:
        """Go on exactly from where `state_dict` was taken, in this or another process.

        Returns the environments that cannot, and have begun new episodes; None where all go on.
        """

    def differentiable_rewards(self, actions: Tensor) -> Tensor:
        """Rewards [H, B] of actions [H, B, A] from where the environments stand, which they do afterwards, too: with
        the graph by which the simulator differentiates them. What comes after an episode's end means nothing.

        Good for one backward pass. Raises WmzooError where the simulator is not differentiable.
        """
        raise WmzooError("this environment's simulator is not differentiable")

    def why_new_episodes(self) -> str | None:
        """Why a saved state would not be whole, so that episodes would begin anew; None where it is. After `reset`."""
        return None

    def close(self) -> None:  # noqa: B027 (most suites hold nothing)
        """Free what the simulators hold; the environment cannot be used afterwards."""

    def check_saved(self, saved: int) -> None:
        """WmzooError for a state of another number of environments."""
        if saved != self.num_envs:
            raise WmzooError(
                f"the saved state has {saved} environments, this one has {self.num_envs}: set env.num_envs={saved}"
            )

    def check_actions(self, actions: Tensor) -> np.ndarray:
        """Actions [B, A] as float64 clipped to [-1, 1]. WmzooError for a wrong shape, RunFailed for non-finite ones."""
        if tuple(actions.shape) != (self.num_envs, self.act_dim):
            wanted = (self.num_envs, self.act_dim)
            raise WmzooError(f"actions have shape {tuple(actions.shape)}, this environment takes {wanted}")
        array = actions.detach().cpu().numpy().astype(np.float64)
        if not np.isfinite(array).all():
            row = int(np.flatnonzero(~np.isfinite(array).all(axis=1))[0])
            raise RunFailed(f"the action of environment {row} is not finite: {array[row].tolist()}")
        return np.clip(array, -1.0, 1.0)

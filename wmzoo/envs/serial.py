"""B simulators stepped one after the other behind the VectorEnv contract."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from wmzoo.envs.base import Transition, VectorEnv
from wmzoo.errors import RunFailed, WmzooError

MOST = 4096  # simulators in one process


class SimulationError(RunFailed):
    """A simulation that was rightly started became invalid."""


class SimulatorStep(NamedTuple):
    """What one simulator returns for one agent step; the time limit is not its business."""

    obs: np.ndarray  # [O]
    reward: float
    terminated: bool
    truncated: bool  # the task itself cut the episode off, without ending it
    success: float | None


class Simulator(Protocol):
    """One copy of a task."""

    obs_dim: int
    act_dim: int

    def seed(self, seed: int) -> None:
        """Restart the random stream: the same seed gives the same episodes from here on."""

    def reset(self) -> np.ndarray:
        """Start an episode and return its first observation [O]."""

    def step(self, action: np.ndarray) -> SimulatorStep:
        """Advance by one agent step (the action repeat included); action float64 [A] in [-1, 1]."""

    def render(self, width: int, height: int) -> np.ndarray:
        """uint8 [height, width, 3]."""

    def check_rendering(self) -> None:
        """WmzooError where `render` is impossible."""

    def state(self) -> dict[str, Any]:
        """Everything needed to go on exactly: tensors, numbers, strings."""

    def load_state(self, state: dict[str, Any]) -> None: ...

    def close(self) -> None: ...


class ActionRange:
    """The linear map of [-1, 1] onto a task's own range.

    A dimension without finite bounds (an unlimited actuator) takes the action itself. For the range [-1, 1]
    the map is exactly the identity.
    """

    def __init__(self, low: np.ndarray, high: np.ndarray) -> None:
        bounded = np.isfinite(low) & np.isfinite(high)
        self._low = np.where(bounded, low, -1.0).astype(np.float64)
        self._high = np.where(bounded, high, 1.0).astype(np.float64)
        self._middle = (self._low + self._high) / 2
        self._half = (self._high - self._low) / 2

    def native(self, action: np.ndarray) -> np.ndarray:
        """float64 [A] within the task's range."""
        inside: np.ndarray = np.minimum(np.maximum(self._middle + self._half * action, self._low), self._high)
        return inside


def check_backend(backend: str, num_envs: int) -> None:
    """WmzooError unless `backend` names a way to step such a batch: so far one after the other."""
    if backend != "serial":
        raise WmzooError(f"env.backend={backend} does not exist; there is: serial")
    if not 1 <= num_envs <= MOST:
        raise WmzooError(f"env.backend=serial steps from 1 to {MOST} environments, not {num_envs}")


class SerialVectorEnv(VectorEnv):
    """Counts steps, truncates at `episode_length`, restarts ended episodes and turns rows into tensors.

    episode_length: agent steps until truncation, one number for all or one for each.
    """

    def __init__(
        self, simulators: Sequence[Simulator], episode_length: int | Sequence[int], device: str = "cpu"
    ) -> None:
        self.simulators = list(simulators)
        self.num_envs = len(self.simulators)
        self.obs_dim = self.simulators[0].obs_dim
        self.act_dim = self.simulators[0].act_dim
        self._lengths = np.broadcast_to(np.asarray(episode_length), self.num_envs)
        self.episode_length = int(self._lengths.max())
        self.device = torch.device(device)
        self._elapsed: np.ndarray | None = None  # int64 [B]; None until the first reset

    def reset(self, seed: int, stagger: bool = False) -> Tensor:
        streams = np.random.SeedSequence(seed).spawn(self.num_envs)
        for simulator, stream in zip(self.simulators, streams, strict=True):
            simulator.seed(int(stream.generate_state(1)[0]))
        self._elapsed = np.zeros(self.num_envs, dtype=np.int64)
        if stagger:
            self._elapsed = np.arange(self.num_envs) * self._lengths // self.num_envs
        return self._tensor(np.stack([simulator.reset() for simulator in self.simulators]))

    def step(self, actions: Tensor) -> Transition:
        elapsed = self._started()
        array = self.check_actions(actions)
        results = [simulator.step(row) for simulator, row in zip(self.simulators, array, strict=True)]
        elapsed += 1
        final_obs = np.stack([result.obs for result in results]).astype(np.float32)
        terminated = np.array([result.terminated for result in results])
        truncated = np.array([result.truncated for result in results])
        truncated = (truncated | (elapsed >= self._lengths)) & ~terminated
        obs = final_obs.copy()
        for row in np.flatnonzero(terminated | truncated):
            obs[row] = self.simulators[row].reset()
            elapsed[row] = 0
        success = None
        if results[0].success is not None:
            success = self._tensor(np.array([result.success for result in results]))
        return Transition(
            obs=self._tensor(obs),
            reward=self._tensor(np.array([result.reward for result in results])),
            terminated=torch.from_numpy(terminated).to(self.device),
            truncated=torch.from_numpy(truncated).to(self.device),
            final_obs=self._tensor(final_obs),
            success=success,
            info={},
        )

    @property
    def elapsed(self) -> Tensor:
        return torch.from_numpy(self._started().copy())

    def render(self, index: int = 0, width: int = 480, height: int = 360) -> np.ndarray:
        self._started()
        return self.simulators[index].render(width, height)

    def check_rendering(self) -> None:
        self.simulators[0].check_rendering()

    def state_dict(self) -> dict[str, Any]:
        return {"elapsed": self.elapsed, "simulators": [simulator.state() for simulator in self.simulators]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if len(state["simulators"]) != self.num_envs:
            raise WmzooError(
                f"the saved state has {len(state['simulators'])} environments, this one has {self.num_envs}: "
                f"set env.num_envs={len(state['simulators'])}"
            )
        for simulator, row in zip(self.simulators, state["simulators"], strict=True):
            simulator.load_state(row)
        self._elapsed = state["elapsed"].cpu().numpy().copy()

    def close(self) -> None:
        for simulator in self.simulators:
            simulator.close()

    def _started(self) -> np.ndarray:
        if self._elapsed is None:
            raise WmzooError("the environment has not been started: call reset(seed) first")
        return self._elapsed

    def _tensor(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(array.astype(np.float32)).to(self.device)

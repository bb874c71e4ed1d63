"""B simulators behind the VectorEnv contract, however they are stepped."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wmzoo.envs.array_tasks.base import ArrayTask
from wmzoo.envs.backend import make_pool
from wmzoo.envs.base import NOT_STARTED, NewEpisodes, Transition, VectorEnv
from wmzoo.envs.perturbed import MakePerturbed, Perturbations
from wmzoo.envs.simulator import CannotGoOn, MakeSimulators
from wmzoo.errors import WmzooError
from wmzoo.storage.form import check_form, check_range

UNPERTURBED = Perturbations()
MOST = 4096  # simulators on one machine
log = logging.getLogger("wmzoo")


class SimulatedVectorEnv(VectorEnv):
    """Counts steps, truncates at `episode_length`, restarts ended episodes and turns rows into tensors.

    task: its name.  make: makes the simulators.  episode_length: agent steps; None for the task's own time limit.
    backend: how the simulators are stepped (backend.py); all give the same numbers.  array_tasks: the definitions
    that the backends `rollout` and `arrays` need, by the names of the suite's tasks.  perturbations: see perturbed.py.
    """

    def __init__(
        self,
        task: str,
        make: MakeSimulators,
        num_envs: int,
        episode_length: int | None = None,
        backend: str = "auto",
        device: str = "cpu",
        array_tasks: Mapping[str, type[ArrayTask]] | None = None,
        perturbations: Perturbations = UNPERTURBED,
    ) -> None:
        if not 1 <= num_envs <= MOST:
            raise WmzooError(f"env.num_envs is from 1 to {MOST}, not {num_envs}")
        if used := perturbations.named():
            if backend in ("arrays", "rollout"):
                raise WmzooError(
                    f"env.backend={backend} does not know {', '.join(used)}: env.backend=auto takes one that does"
                )
            make, array_tasks = MakePerturbed(make, perturbations), {}
        self.task, self.num_envs = task, num_envs
        self.pool = make_pool(backend, task, make, num_envs, array_tasks or {})
        self.obs_dim, self.act_dim, self.control_timestep, time_limit = self.pool.facts
        length = episode_length or time_limit
        if length is None:
            self.close()
            raise WmzooError(f"{task} has no episode length of its own: set env.episode_length")
        self.episode_length = length
        self.device = torch.device(device)
        self._elapsed: np.ndarray | None = None  # int64 [B]; None until the first reset

    def reset(self, seed: int, stagger: bool = False) -> Tensor:
        streams = np.random.SeedSequence(seed).spawn(self.num_envs)
        self.pool.seed([int(stream.generate_state(1)[0]) for stream in streams])
        obs = self._tensor(self._checked(self.pool.reset(np.arange(self.num_envs))))
        self._elapsed = np.zeros(self.num_envs, dtype=np.int64)
        if stagger:
            self.start_at(np.arange(self.num_envs) / self.num_envs)
        return obs

    def step(self, actions: Tensor) -> Transition:
        elapsed = self._started()
        result = self.pool.step(self.check_actions(actions))
        elapsed += 1
        final_obs = self._checked(result.obs).astype(np.float32)
        terminated = result.terminated
        truncated = (result.truncated | (elapsed >= self.episode_length)) & ~terminated
        obs = final_obs.copy()
        ended = np.flatnonzero(terminated | truncated)
        if len(ended):
            obs[ended] = self.pool.reset(ended)
            elapsed[ended] = 0
        return Transition(
            obs=self._tensor(obs),
            reward=self._tensor(result.reward),
            terminated=torch.from_numpy(terminated).to(self.device),
            truncated=torch.from_numpy(truncated).to(self.device),
            final_obs=self._tensor(final_obs),
            success=None if result.success is None else self._tensor(result.success),
            info={},
            exact=result.reward,
        )

    def start_at(self, parts: np.ndarray) -> None:
        """Count the running episodes, just begun, as if `parts` [B] of each, from 0 to 1, had passed."""
        self._started()
        self._elapsed = np.floor(parts * self.episode_length + 1e-9).astype(np.int64)

    @property
    def elapsed(self) -> Tensor:
        return torch.from_numpy(self._started().copy())

    @property
    def workers(self) -> tuple[int, ...]:
        return self.pool.workers

    def render(self, index: int = 0, width: int = 480, height: int = 360) -> np.ndarray:
        self._started()
        return self.pool.render(index, width, height)

    def check_rendering(self) -> None:
        self.pool.check_rendering()

    def why_new_episodes(self) -> str | None:
        return next((state["why"] for state in self.pool.states() if "why" in state), None)

    def state_dict(self) -> dict[str, Any]:
        return {"elapsed": self.elapsed, "simulators": _as_tensors(self.pool.states())}

    def load_state_dict(self, state: dict[str, Any]) -> NewEpisodes | None:
        self.check_saved(len(state["simulators"]))
        check_form(state["elapsed"], torch.zeros(self.num_envs, dtype=torch.int64), "env/elapsed")
        check_range(state["elapsed"], 0, self.episode_length, "env/elapsed")
        simulators = _as_arrays(state["simulators"])
        try:
            self.pool.load_states(simulators)
        except CannotGoOn as error:
            log.warning("%s: its episodes begin anew", error)
            simulators = [{"anew": each["anew"]} for each in simulators]
            self.pool.load_states(simulators)
        self._elapsed = state["elapsed"].cpu().numpy().copy()
        anew = np.array([each.keys() <= {"anew", "why"} for each in simulators])
        if not anew.any():
            return None
        obs = np.zeros((self.num_envs, self.obs_dim))
        obs[anew] = self._checked(self.pool.reset(np.flatnonzero(anew)))
        self._elapsed[anew] = 0
        return NewEpisodes(torch.from_numpy(anew), self._tensor(obs))

    def close(self) -> None:
        self.pool.close()

    def _started(self) -> np.ndarray:
        if self._elapsed is None:
            raise WmzooError(NOT_STARTED)
        return self._elapsed

    def _checked(self, obs: np.ndarray) -> np.ndarray:
        """Observations [R, O]. WmzooError for others than the task has declared."""
        if obs.shape[1:] != (self.obs_dim,):
            raise WmzooError(
                f"{self.task} returned an observation of {obs[0].size} numbers and declares {self.obs_dim}: mend its "
                f"observation space, or what `reset` and `step` return"
            )
        return obs

    def _tensor(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(array.astype(np.float32)).to(self.device)


def _as_tensors(value: Any) -> Any:
    """A simulator's state with a tensor in place of every array."""
    if isinstance(value, dict):
        return {name: _as_tensors(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_as_tensors(part) for part in value]
    return torch.from_numpy(value) if isinstance(value, np.ndarray) else value


def _as_arrays(value: Any) -> Any:
    """The inverse of `_as_tensors`; the arrays are copies."""
    if isinstance(value, dict):
        return {name: _as_arrays(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_as_arrays(part) for part in value]
    return value.cpu().numpy().copy() if isinstance(value, Tensor) else value

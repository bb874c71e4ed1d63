"""Chance in simulated tasks: actions that stick, pushes that come out of nothing, velocities that are not shown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wmzoo.envs.counter_random import CounterRandom
from wmzoo.envs.simulator import MakeSimulators, Simulator, SimulatorStep
from wmzoo.errors import WmzooError

OFTEN = 0.1  # the probability of a push at an agent step
GRAVITY = 9.81  # m/s²


@dataclass(frozen=True)
class Perturbations:
    """What a suite's keys ask for.

    sticky: the probability that an agent step repeats the action before (Machado et al., arXiv 1709.06009). push: at
    one agent step in ten a force of so many times the model's weight, in a random direction, at its first moving body.
    hide_velocities: leave them out of the observations. WmzooError for values that make no sense.
    """

    sticky: float = 0.0
    push: float = 0.0
    hide_velocities: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.sticky < 1:
            raise WmzooError(f"env.sticky is a probability from 0 to below 1, not {self.sticky}")
        if not 0 <= self.push < math.inf:
            raise WmzooError(f"env.push is a number of 0 or more, not {self.push}")

    def named(self) -> list[str]:
        """The keys that are in use."""
        return [f"env.{name}" for name, value in vars(self).items() if value]


@dataclass(frozen=True)
class MakePerturbed:
    """Makes the simulators of `make`, perturbed."""

    make: MakeSimulators
    perturbations: Perturbations

    @property
    def light(self) -> bool:
        return getattr(self.make, "light", False)

    def __call__(self, count: int) -> Sequence[Simulator]:
        return [PerturbedSimulator(simulator, self.perturbations) for simulator in self.make(count)]


class PerturbedSimulator:
    """One copy of a task with its perturbations, whose random numbers are a stream beside the task's own."""

    def __init__(self, simulator: Any, perturbations: Perturbations) -> None:
        self.simulator, self.perturbations = simulator, perturbations
        self.random = CounterRandom(1)
        self._last: np.ndarray | None = None  # the action before, none at an episode's start
        hidden = simulator.velocities() if perturbations.hide_velocities else np.zeros(simulator.facts.obs_dim, bool)
        self._shown, self.facts = ~hidden, simulator.facts._replace(obs_dim=int((~hidden).sum()))
        if perturbations.push:
            if not hasattr(simulator, "data"):
                raise WmzooError("env.push: only MuJoCo's tasks can be pushed")
            self._body = int(np.flatnonzero(simulator.model.body_dofnum)[0])
            self._weight = GRAVITY * float(simulator.model.body_mass.sum())

    def seed(self, seed: int) -> None:
        self.simulator.seed(seed)
        self.random.seed(seed)

    def reset(self) -> np.ndarray:
        self._last = None
        obs = self.simulator.reset()
        self._push(np.zeros(3))
        return self._seen(obs)

    def step(self, action: np.ndarray) -> SimulatorStep:
        sticks, pushed, height, turn = self.random.uniform(4)[0]
        if self._last is not None and sticks < self.perturbations.sticky:
            action = self._last
        self._last = np.array(action, dtype=np.float64)
        force = self.perturbations.push * self._direction(height, turn) if pushed < OFTEN else np.zeros(3)
        self._push(force)
        step: SimulatorStep = self.simulator.step(action)
        return step._replace(obs=self._seen(step.obs))

    def render(self, width: int, height: int) -> np.ndarray:
        picture: np.ndarray = self.simulator.render(width, height)
        return picture

    def check_rendering(self) -> None:
        self.simulator.check_rendering()

    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = self.simulator.state()
        if state.keys() <= {"anew", "why"}:
            return state
        return {**state, "perturbed": self._own_state()}

    def load_state(self, state: dict[str, Any]) -> None:
        if state.keys() <= {"anew", "why"}:
            self.seed(state["anew"])
            return
        own = state["perturbed"]
        for name, now in self._own_state().items():
            if (own[name].shape, own[name].dtype) != (now.shape, now.dtype):
                raise ValueError(f"env/perturbed: {name} is not {now.dtype}{list(now.shape)}")
        self.simulator.load_state({name: value for name, value in state.items() if name != "perturbed"})
        self.random.load_state(own)
        self._last = None if np.isnan(own["last"]).any() else own["last"].copy()

    def _own_state(self) -> dict[str, np.ndarray]:
        """The random numbers' state and the action before, nan where there is none."""
        none = np.full(self.facts.act_dim, np.nan)
        return {**self.random.state(), "last": none if self._last is None else self._last.copy()}

    def close(self) -> None:
        self.simulator.close()

    def _seen(self, obs: np.ndarray) -> np.ndarray:
        seen: np.ndarray = obs[self._shown]
        return seen

    def _push(self, force: np.ndarray) -> None:
        """Let a force, in the model's weights, act on its first moving body from now on."""
        if self.perturbations.push:
            self.simulator.data.xfrc_applied[self._body, :3] = self._weight * force

    @staticmethod
    def _direction(height: float, turn: float) -> np.ndarray:
        """Uniform on the sphere, of two uniform numbers (Archimedes: the height is uniform)."""
        z, angle = 2 * height - 1, 2 * math.pi * turn
        flat = math.sqrt(1 - z * z)
        return np.array([flat * math.cos(angle), flat * math.sin(angle), z])

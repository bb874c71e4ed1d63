"""MuJoCo steps one row after the other; observations and rewards are computed for all rows at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, Protocol

import numpy as np

from wmzoo.envs.array_tasks.base import ArrayTask, Rows
from wmzoo.envs.pools.base import BatchStep, cores
from wmzoo.envs.pools.chunks import chunk_sizes
from wmzoo.envs.pools.serial import SerialPool
from wmzoo.envs.simulator import RawSteps, Simulator

# Sub-steps of a raw control step from which threads pay: MuJoCo must compute for longer than it takes Python to hand
# over its lock. On two cores and 64 environments, two threads make 0.6 to 0.8 of the steps of one with 1 sub-step
# (cartpole, pendulum, point_mass, reacher, cheetah) and 1.1 to 1.8 times as many with 4 to 10 (hopper, Ant-v5, …).
THREADS_FROM = 4


class MujocoSimulator(Simulator, Protocol):
    """A simulator whose physics can be had without its observations and rewards."""

    model: Any  # mjModel
    data: Any  # mjData
    raw_steps: RawSteps
    sub_steps: int  # of a raw control step

    @property
    def drawn(self) -> Mapping[str, np.ndarray]:
        """The arrays of the model that this copy's reset has set."""

    def native(self, actions: np.ndarray) -> np.ndarray:
        """Actions [..., A] in [-1, 1] as the actuators take them."""

    def advance(self) -> None:
        """One raw control step with data.ctrl, in whichever copy's model. SimulationError where it becomes invalid."""

    def refresh(self) -> None:
        """Compute what depends on positions and velocities, with this copy's own model."""


class ArrayPool(SerialPool[MujocoSimulator]):
    """Steps by the definition `task`. All that is rare, resets and states, is the simulators' own business."""

    def __init__(self, simulators: Sequence[MujocoSimulator], task: ArrayTask, threads: int | None = None) -> None:
        super().__init__(simulators)
        first = self.simulators[0]
        self._task, self._native = task, first.native
        self._controls = [simulator.data.ctrl for simulator in self.simulators]
        self._shapes = {name: getattr(first.data, name).shape for name in task.reads}
        self._arrays = {  # views of every row's own memory
            name: [getattr(simulator.data, name).reshape(-1) for simulator in self.simulators] for name in task.reads
        }
        self._drawn = {name: np.stack([s.drawn[name] for s in self.simulators]) for name in task.drawn}
        self._now: Rows | None = None  # what was read last, while it is true
        threads = threads or (cores() if first.sub_steps >= THREADS_FROM else 1)
        self._sizes = chunk_sizes(len(self.simulators), threads)
        self._executor = ThreadPoolExecutor(len(self._sizes)) if len(self._sizes) > 1 else None

    def reset(self, rows: np.ndarray) -> np.ndarray:
        obs = super().reset(rows)
        self._look_at_drawn(rows)
        return obs

    def load_states(self, states: Sequence[dict[str, Any]]) -> None:
        super().load_states(states)
        self._look_at_drawn(np.arange(len(states)))

    def step(self, actions: np.ndarray) -> BatchStep:
        native = self._native(actions)
        for control, action in zip(self._controls, native, strict=True):
            control[...] = action
        now = self._read() if self._now is None else self._now
        self._now = None
        total, over = np.zeros(len(actions)), np.zeros(len(actions), dtype=bool)
        steps = np.array([simulator.raw_steps.next() for simulator in self.simulators])
        for moment in range(steps.max()):
            running = ~over & (moment < steps)
            self._advance(np.flatnonzero(running))
            before, now = now, self._read()
            reward, terminated = self._task.judge(before, now, native)
            total += np.where(running, reward, 0.0)
            over |= running & terminated
        self._now = now
        return BatchStep(self._task.observe(now), total, over, np.zeros(len(actions), dtype=bool), None)

    def render(self, row: int, width: int, height: int) -> np.ndarray:
        self.simulators[row].refresh()
        return super().render(row, width, height)

    def close(self) -> None:
        if self._executor is not None:
            self._executor.shutdown()
        super().close()

    def _advance(self, rows: np.ndarray) -> None:
        if self._executor is None:
            return self._advance_some(rows)
        parts = np.split(rows, np.cumsum(chunk_sizes(len(rows), len(self._sizes)))[:-1]) if len(rows) else []
        futures = [self._executor.submit(self._advance_some, part) for part in parts]
        wait(futures)
        for future in futures:
            future.result()

    def _advance_some(self, rows: np.ndarray) -> None:
        for row in rows:
            self.simulators[row].advance()

    def _read(self) -> Rows:
        read = {name: np.concatenate(rows).reshape(-1, *self._shapes[name]) for name, rows in self._arrays.items()}
        return read | self._drawn

    def _look_at_drawn(self, rows: np.ndarray) -> None:
        self._now = None
        for name, array in self._drawn.items():
            for row in rows:
                array[row] = self.simulators[row].drawn[name]

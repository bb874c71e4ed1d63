"""mujoco.rollout steps all rows in native threads; observations and rewards are computed on arrays.

For tasks whose only constraints are joint limits. The solver of a constraint starts from the accelerations of the step
before, which mujoco.rollout takes but does not return. Without an active constraint it starts from nothing, and the
few rows that stand at a limit take their last step over again, alone, to know them. With contacts that would be all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np
from mujoco.rollout import Rollout

from wmzoo.envs.array_tasks.base import ArrayTask, Rows
from wmzoo.envs.pools.arrays import MujocoSimulator
from wmzoo.envs.pools.base import BatchStep, cores
from wmzoo.envs.pools.serial import SerialPool

_STATE = int(mujoco.mjtState.mjSTATE_FULLPHYSICS)  # time, positions, velocities
_CONTROL = int(mujoco.mjtState.mjSTATE_CTRL)


class RolloutPool(SerialPool[MujocoSimulator]):
    """The rows' states are in arrays here; a simulator is brought up to date when it is asked for something.

    What the copies' resets draw in their models must not matter to the physics: one model steps all.
    """

    def __init__(self, simulators: Sequence[MujocoSimulator], task: ArrayTask, threads: int | None = None) -> None:
        super().__init__(simulators)
        first, count = self.simulators[0], len(self.simulators)
        model = first.model
        _check_constraints(model)
        threads = min(count, threads or cores())
        self._task, self._model, self._sub_steps, self._repeat = task, model, first.sub_steps, first.raw_steps.repeat
        self._steps = self._sub_steps * self._repeat
        self._rollout = Rollout(nthread=threads if threads > 1 else 0)
        self._scratch = [mujoco.MjData(model) for _ in range(threads)]
        self._models = [model] * count
        self._limited = np.flatnonzero(model.jnt_limited)
        low, high = model.jnt_range[self._limited].T
        self._low, self._high = low + model.jnt_margin[self._limited], high - model.jnt_margin[self._limited]
        self._now = np.empty((count, mujoco.mj_stateSize(model, _STATE)))
        self._warm_start = np.empty((count, model.nv))
        # And the controls and raw steps since then.
        self._before = (self._now, self._warm_start, np.empty((count, model.nu)), np.zeros(count, dtype=int))
        self._fresh = np.ones(count, dtype=bool)  # the simulator is where its row is
        self._drawn = {name: np.stack([s.drawn[name] for s in self.simulators]) for name in task.drawn}

    def reset(self, rows: np.ndarray) -> np.ndarray:
        obs = super().reset(rows)
        self._take_from_simulators(rows)
        return obs

    def load_states(self, states: Sequence[dict[str, Any]]) -> None:
        super().load_states(states)
        self._take_from_simulators(np.arange(len(states)))

    def step(self, actions: np.ndarray) -> BatchStep:
        native = self.simulators[0].native(actions)
        path = np.empty((len(native), self._steps, self._now.shape[1]))
        controls = np.repeat(native[:, None], self._steps, axis=1)
        self._rollout.rollout(
            self._models, self._scratch, self._now, controls, control_spec=_CONTROL, skip_checks=True,
            nstep=self._steps, initial_warmstart=self._warm_start, state=path,
        )  # fmt: skip
        taken = np.array([simulator.raw_steps.next() for simulator in self.simulators])
        self._before = (self._now, self._warm_start, native, taken)
        # A row whose episode ends within the agent step stands where its last raw step has brought it.
        self._now = path[np.arange(len(path)), taken * self._sub_steps - 1]
        self._warm_start = np.zeros_like(self._warm_start)
        self._fresh[:] = False
        for row in np.flatnonzero(self._invalid(path)):
            self._bring_up_to_date(row)  # raises
        total, moments = np.zeros(len(native)), path[:, self._sub_steps - 1 :: self._sub_steps]
        for moment in range(self._repeat):
            reward = self._task.judge({}, self._rows(moments[:, moment]), native)[0]
            total += np.where(moment < taken, reward, 0.0)
        rows = self._rows(self._now)
        positions = rows["qpos"][:, self._limited]
        for row in np.flatnonzero(((positions <= self._low) | (positions >= self._high)).any(axis=1)):
            self._bring_up_to_date(row)
            self._warm_start[row] = self.simulators[row].data.qacc_warmstart
        never = np.zeros(len(native), dtype=bool)
        return BatchStep(self._task.observe(rows), total, never, never.copy(), None)

    def states(self) -> list[dict[str, Any]]:
        for row in range(len(self.simulators)):
            self._bring_up_to_date(row)
        return super().states()

    def render(self, row: int, width: int, height: int) -> np.ndarray:
        self._bring_up_to_date(row)
        return super().render(row, width, height)

    def close(self) -> None:
        if self.simulators:
            self._rollout.close()
        super().close()

    def _rows(self, states: np.ndarray) -> Rows:
        ends = np.cumsum([1, self._model.nq, self._model.nv])
        _, positions, velocities, _ = np.split(states, ends, axis=1)
        return {"qpos": positions, "qvel": velocities} | self._drawn

    def _take_from_simulators(self, rows: np.ndarray) -> None:
        for row in rows:
            simulator = self.simulators[row]
            mujoco.mj_getState(self._model, simulator.data, self._now[row], _STATE)
            self._warm_start[row] = simulator.data.qacc_warmstart
            for name, array in self._drawn.items():
                array[row] = simulator.drawn[name]
        self._fresh[rows] = True

    def _bring_up_to_date(self, row: int | np.integer[Any]) -> None:
        """Take the last step over again in the row's simulator. SimulationError where that became invalid."""
        if self._fresh[row]:
            return
        simulator, (states, warm_starts, controls, taken) = self.simulators[row], self._before
        mujoco.mj_setState(self._model, simulator.data, states[row], _STATE)
        simulator.data.qacc_warmstart[:] = warm_starts[row]
        simulator.data.ctrl[:] = controls[row]
        simulator.refresh()
        for _ in range(taken[row]):
            simulator.advance()
        self._fresh[row] = True

    def _invalid(self, path: np.ndarray) -> np.ndarray:
        """bool [B]: numbers that cannot be, of which MuJoCo warns, or a clock that shows that it has started anew."""
        awaited = self._before[0][:, 0] + self._steps * self._model.opt.timestep
        punctual = np.abs(path[:, -1, 0] - awaited) < self._model.opt.timestep / 2
        invalid: np.ndarray = ~((np.abs(path) < mujoco.mjMAXVAL).all(axis=(1, 2)) & punctual)
        return invalid


def _check_constraints(model: Any) -> None:
    """ValueError for a model that has others than joint limits, or a state of more than positions and velocities."""
    contacts = not model.opt.disableflags & mujoco.mjtDisableBit.mjDSBL_CONTACT
    friction = model.dof_frictionloss.any() or model.tendon_frictionloss.any()
    single = model.nq == model.njnt  # hinges and slides, whose limits are ranges of a position
    if contacts or friction or model.neq or model.tendon_limited.any() or model.na or not single:
        raise ValueError("mujoco.rollout would not step this model exactly: use an array task with rollout_from = None")

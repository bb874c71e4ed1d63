"""The DeepMind control suite and MT30's custom tasks, as "domain-task": cartpole-swingup, cheetah-jump …"""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np

from wmzoo.envs import rendering
from wmzoo.envs.serial import SerialVectorEnv, check_backend

rendering.choose_backend()  # first: mujoco and dm_control read the choice at import
from wmzoo.envs import dmc_tasks, mujoco_state  # noqa: E402
from wmzoo.envs.dmc_simulator import DmcSimulator  # noqa: E402

_DEFAULT_EPISODE = 1000  # raw steps; used where the task has no time limit (lqr)

if not hasattr(np, "in1d"):  # numpy 2.4 removed it; dm_control 1.0.28's quadruped still calls it
    setattr(np, "in1d", np.isin)  # noqa: B010


class DmcVectorEnv(SerialVectorEnv):
    """B copies of one dm_control task.

    task: "domain-task"; hyphens and underscores are the same.  action_repeat: raw control steps per agent
    step, the reward is their sum.  episode_length: agent steps until truncation; by default the task's own
    time limit, 1000 raw control steps.  Observations are the values of the task's observation dict in its
    order, flattened. Actions in [-1, 1] are mapped to the actuators' ranges; an actuator without a range
    takes the action itself. Raises WmzooError for an unknown task.
    """

    def __init__(
        self,
        task: str,
        num_envs: int,
        action_repeat: int = 2,
        episode_length: int | None = None,
        backend: str = "serial",
        device: str = "cpu",
    ) -> None:
        check_backend(backend, num_envs)
        domain, name = dmc_tasks.find(task)
        # Compiled once, and with a fixed seed: a model drawn at random (lqr) is the same in every run.
        first = dmc_tasks.load(domain, name, random=0)
        if episode_length is None:
            limit = first._step_limit if math.isfinite(first._step_limit) else _DEFAULT_EPISODE
            episode_length = math.ceil(round(limit) / action_repeat)
        drawn = _drawn_fields(first)
        simulators = [DmcSimulator(first.physics, first.task, drawn, first._n_sub_steps, action_repeat)]
        for _ in range(num_envs - 1):
            physics = first.physics.copy(share_model=True)  # a model holds 10 MB of textures
            physics.legacy_step = first.physics.legacy_step
            task_copy = copy.deepcopy(first.task)
            simulators.append(DmcSimulator(physics, task_copy, drawn, first._n_sub_steps, action_repeat))
        self.task = f"{domain}-{name}"
        self.control_timestep = float(first.control_timestep()) * action_repeat
        super().__init__(simulators, episode_length, device)


def _drawn_fields(environment: Any) -> dict[str, np.ndarray]:
    """The model's arrays that the task sets at resets (a target's place, the terrain …), as they were before any.

    They are a part of every copy's state; the rest of the model is shared.
    """
    original = mujoco_state.ModelArrays(environment.physics.model.ptr)
    names: set[str] = set()
    for _ in range(3):
        environment.reset()
        names |= original.changes(environment.physics.model.ptr).keys()
    return {name: original[name] for name in sorted(names)}


def main() -> None:
    """Print every task, one per line."""
    print("\n".join(f"{domain}-{name}" for domain, name in dmc_tasks.TASKS))


if __name__ == "__main__":
    main()

"""The DeepMind control suite, any task as "domain-task": cartpole-swingup, ball_in_cup-catch …"""

from __future__ import annotations

import copy
import difflib
import math
from typing import Any

import numpy as np

from wmzoo.envs import rendering
from wmzoo.envs.serial import SerialVectorEnv, check_backend
from wmzoo.errors import WmzooError

rendering.choose_backend()  # first: mujoco and dm_control read the choice at import
from dm_control import suite  # noqa: E402

from wmzoo.envs import mujoco_state  # noqa: E402
from wmzoo.envs.dmc_simulator import DmcSimulator  # noqa: E402

# The names under which other codebases (TD-MPC2, PWM) know a domain.
_DOMAIN_ALIASES = {"cup": "ball_in_cup", "pointmass": "point_mass"}
_DEFAULT_EPISODE = 1000  # raw steps; used where the task has no time limit (lqr)

if not hasattr(np, "in1d"):  # numpy 2.4 removed it; dm_control 1.0.28's quadruped still calls it
    setattr(np, "in1d", np.isin)  # noqa: B010


class DmcVectorEnv(SerialVectorEnv):
    """B copies of one dm_control suite task.

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
        domain, name = split_task(task, suite.ALL_TASKS)
        # Compiled once, and with a fixed seed: a model drawn at random (lqr) is the same in every run.
        first = suite.load(domain, name, task_kwargs={"random": 0})
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


def split_task(task: str, known: tuple[tuple[str, str], ...]) -> tuple[str, str]:
    """("ball_in_cup", "catch") for "ball_in_cup-catch", "cup-catch", "ball-in-cup-catch" …, or WmzooError."""
    names = {_plain(f"{domain}-{name}"): (domain, name) for domain, name in known}
    for alias, domain in _DOMAIN_ALIASES.items():
        names |= {_plain(f"{alias}-{name}"): (d, name) for d, name in known if d == domain}
    if _plain(task) in names:
        return names[_plain(task)]
    near = difflib.get_close_matches(_plain(task), names, n=3)
    hint = f"; did you mean {', '.join('-'.join(names[match]) for match in near)}?" if near else "."
    raise WmzooError(f"dm_control has no task {task!r}{hint} The list: python -m wmzoo.envs.dmc")


def _plain(task: str) -> str:
    return task.lower().replace("-", "_")


def main() -> None:
    """Print every task, one per line."""
    print("\n".join(f"{domain}-{name}" for domain, name in suite.ALL_TASKS))


if __name__ == "__main__":
    main()

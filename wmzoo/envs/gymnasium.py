"""Gymnasium's MuJoCo tasks (Hopper-v5, HalfCheetah-v5, Ant-v5 …) and its continuous classic control."""

from __future__ import annotations

import math
from typing import Any

from wmzoo.envs import rendering
from wmzoo.envs.simulated import SimulatedVectorEnv
from wmzoo.errors import WmzooError, unknown

rendering.choose_backend()  # first: mujoco reads the choice at import
import gymnasium  # noqa: E402

from wmzoo.envs.array_tasks.gymnasium import TASKS as ARRAY_TASKS  # noqa: E402
from wmzoo.envs.gymnasium_simulator import SUITES, MakeGymnasiumSimulators  # noqa: E402

LISTING = "the list: python -m wmzoo.envs.gymnasium"
_CONTINUOUS_CLASSIC = ("Pendulum-v1", "MountainCarContinuous-v0")


class GymnasiumVectorEnv(SimulatedVectorEnv):
    """B copies of one Gymnasium task.

    task: its id.  action_repeat: steps per agent step, the reward is their sum.  episode_length: agent steps
    until truncation; by default the registered limit (1000 for the MuJoCo tasks) divided by the action
    repeat.  options: given to gymnasium.make.  `success` is what the task puts into info["success"] or
    info["is_success"]. Raises WmzooError for an unknown task, one without continuous actions, or one whose
    state cannot be saved.
    """

    def __init__(
        self,
        task: str,
        num_envs: int,
        action_repeat: int = 1,
        episode_length: int | None = None,
        options: dict[str, Any] | None = None,
        backend: str = "auto",
        device: str = "cpu",
    ) -> None:
        spec = find_task(task)
        if episode_length is None:
            if spec.max_episode_steps is None:
                raise WmzooError(f"{task} has no episode length of its own: set env.episode_length")
            episode_length = math.ceil(spec.max_episode_steps / action_repeat)
        make = MakeGymnasiumSimulators(spec, dict(options or {}), action_repeat)
        super().__init__(spec.id, make, num_envs, episode_length, backend, device, ARRAY_TASKS)


def find_task(task: str) -> Any:
    """The registered spec of `task`, or WmzooError with what was perhaps meant."""
    try:
        return gymnasium.spec(task)
    except gymnasium.error.Error as error:
        raise WmzooError(unknown("gymnasium task", task, task_names(), listing=LISTING)) from error


def task_names() -> list[str]:
    """Tasks that work here: the newest MuJoCo ones and continuous classic control."""
    specs = gymnasium.registry.values()
    newest = [spec.id for spec in specs if spec.version == 5 and str(spec.entry_point).startswith(SUITES[0])]
    return sorted([*newest, *_CONTINUOUS_CLASSIC])


def main() -> None:
    """Print every task, one per line."""
    print("\n".join(task_names()))


if __name__ == "__main__":
    main()

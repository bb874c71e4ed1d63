"""Meta-World, any task: reach, mw-reach (TD-MPC2) and reach-v3 are the same."""

from __future__ import annotations

from wmzoo.envs.metaworld_simulator import TASKS, MakeMetaworldSimulators
from wmzoo.envs.simulated import SimulatedVectorEnv
from wmzoo.errors import WmzooError, unknown

LISTING = "the list: wmzoo list tasks metaworld"


class MetaworldVectorEnv(SimulatedVectorEnv):
    """B copies of one Meta-World task; the goal is observed, and drawn anew for every episode.

    task: its name, with or without "mw-" before it and "-v3" behind it; hyphens and underscores are the same.
    action_repeat: raw steps per agent step, the reward (0 to 10 a raw step) is their sum.  episode_length: agent
    steps until truncation; by default 200 raw steps. Nothing terminates. O is 39: hand, gripper and objects now and
    one raw step before, then the goal. `success` is the task's own, after the last raw step. Raises WmzooError for
    an unknown task.
    """

    def __init__(
        self,
        task: str,
        num_envs: int,
        action_repeat: int = 2,
        episode_length: int | None = None,
        backend: str = "auto",
        device: str = "cpu",
    ) -> None:
        name = find_task(task)
        make = MakeMetaworldSimulators(name, action_repeat, episode_length)
        self.terminates = False
        super().__init__(name, make, num_envs, episode_length, backend, device)


def find_task(task: str) -> str:
    """Meta-World's own name, reach-v3 for "mw-reach" or "reach", or WmzooError with what was perhaps meant."""
    names: dict[str, str] = {_plain(name): name for name in TASKS}
    if _plain(task) in names:
        return names[_plain(task)]
    raise WmzooError(unknown("metaworld task", _plain(task), (), names, LISTING))


def _plain(task: str) -> str:
    return task.lower().replace("_", "-").removeprefix("mw-").removesuffix("-v3")

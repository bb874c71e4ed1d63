"""The DeepMind control suite, any task as "domain-task": cartpole-swingup, ball_in_cup-catch …"""

from __future__ import annotations

import difflib

from wmzoo.envs import rendering
from wmzoo.envs.array_tasks.base import ArrayTask
from wmzoo.envs.simulated import SimulatedVectorEnv
from wmzoo.errors import WmzooError

rendering.choose_backend()  # first: mujoco and dm_control read the choice at import
from dm_control import suite  # noqa: E402

from wmzoo.envs.array_tasks import cartpole, pendulum, planar, point_mass, reacher  # noqa: E402
from wmzoo.envs.dmc_simulator import MakeDmcSimulators  # noqa: E402

# The names under which other codebases (TD-MPC2, PWM) know a domain.
_DOMAIN_ALIASES = {"cup": "ball_in_cup", "pointmass": "point_mass"}
ARRAY_TASKS: dict[str, type[ArrayTask]] = {
    **cartpole.TASKS,
    **pendulum.TASKS,
    **reacher.TASKS,
    **point_mass.TASKS,
    **planar.TASKS,
}


class DmcVectorEnv(SimulatedVectorEnv):
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
        backend: str = "auto",
        device: str = "cpu",
    ) -> None:
        domain, name = split_task(task, suite.ALL_TASKS)
        make = MakeDmcSimulators(domain, name, action_repeat)
        super().__init__(f"{domain}-{name}", make, num_envs, episode_length, backend, device, ARRAY_TASKS)


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

"""The DeepMind control suite and MT30's custom tasks, as "domain-task": cartpole-swingup, cheetah-jump …"""

from __future__ import annotations

from wmzoo.envs import dmc_tasks
from wmzoo.envs.array_tasks import cartpole, pendulum, planar, point_mass, reacher
from wmzoo.envs.array_tasks.base import ArrayTask
from wmzoo.envs.dmc_simulator import MakeDmcSimulators
from wmzoo.envs.perturbed import Perturbations
from wmzoo.envs.simulated import SimulatedVectorEnv

ARRAY_TASKS: dict[str, type[ArrayTask]] = {
    **cartpole.TASKS,
    **pendulum.TASKS,
    **reacher.TASKS,
    **point_mass.TASKS,
    **planar.TASKS,
}


class DmcVectorEnv(SimulatedVectorEnv):
    """B copies of one dm_control task.

    task: "domain-task"; hyphens and underscores are the same.  action_repeat: raw control steps per agent
    step, the reward is their sum; the last agent step of an episode takes those that are left.
    episode_length: agent steps until truncation; by default the task's own time limit, 1000 raw control
    steps.  Observations are the values of the task's observation dict in its order, flattened. Actions in
    [-1, 1] are mapped to the actuators' ranges; an actuator without a range takes the action itself.
    sticky, push, hide_velocities: see Perturbations. Raises WmzooError for an unknown task.
    """

    def __init__(
        self,
        task: str,
        num_envs: int,
        action_repeat: int = 2,
        episode_length: int | None = None,
        backend: str = "auto",
        device: str = "cpu",
        sticky: float = 0.0,
        push: float = 0.0,
        hide_velocities: bool = False,
    ) -> None:
        domain, name = dmc_tasks.find(task)
        make = MakeDmcSimulators(domain, name, action_repeat, episode_length)
        self.terminates = domain == "lqr"  # the only one of the suite with an end of its own
        chance = Perturbations(sticky, push, hide_velocities)
        super().__init__(f"{domain}-{name}", make, num_envs, episode_length, backend, device, ARRAY_TASKS, chance)

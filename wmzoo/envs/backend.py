"""How the simulators of a batch are stepped: `env.backend`. Every backend gives the same numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wmzoo.envs.array_tasks.base import ArrayTask
from wmzoo.envs.pools.arrays import ArrayPool
from wmzoo.envs.pools.base import SimulatorPool, cores
from wmzoo.envs.pools.processes import ProcessPool
from wmzoo.envs.pools.serial import SerialPool
from wmzoo.envs.pools.threads import ThreadPool
from wmzoo.envs.pools.worker import NotPortable
from wmzoo.envs.simulator import MakeSimulators
from wmzoo.errors import WmzooError

# serial     one after the other
# threads    in chunks, a thread each
# processes  in chunks, a process each
# arrays     MuJoCo steps each row, observations and rewards are computed on arrays (tasks with a definition)
# rollout    the same, and mujoco.rollout steps all rows in native threads (tasks with a definition, without contacts)
# auto       the fastest of these for the task
BACKENDS = ("auto", "serial", "threads", "processes", "arrays", "rollout")
PROCESSES_FROM = 16  # environments; below, messages and start-up cost more than a second core brings
LIGHT_FROM = 256  # the same, where a step is a few lines of Python


def make_pool(
    backend: str, task: str, make: MakeSimulators, num_envs: int, array_tasks: Mapping[str, type[ArrayTask]]
) -> SimulatorPool:
    """The simulators in the hands of `backend`. WmzooError for one that does not exist, or not for this task."""
    if backend not in BACKENDS:
        raise WmzooError(f"env.backend={backend} does not exist; there is: {', '.join(BACKENDS)}")
    definition = array_tasks.get(task)
    if backend == "auto":
        backend = fastest(definition, num_envs, getattr(make, "light", False))
        if backend == "processes":
            try:
                return ProcessPool(make, num_envs)
            except NotPortable:  # an environment of a notebook, or one that is made by a lambda
                backend = "serial"
    if backend == "threads":
        return ThreadPool(make, num_envs)
    if backend == "processes":
        return ProcessPool(make, num_envs)
    if backend == "serial":
        return SerialPool(make(num_envs))
    able = [name for name, each in array_tasks.items() if backend == "arrays" or each.rollout_from]
    if task not in able or definition is None:
        others = f"only for {', '.join(sorted(able))}" if able else "for no task of this suite"
        raise WmzooError(f"env.backend={backend} is not defined for {task}, {others}; env.backend=auto takes what fits")
    simulators: Any = make(num_envs)
    if backend == "arrays":
        return ArrayPool(simulators, definition(simulators[0]))
    from wmzoo.envs.pools.rollout import RolloutPool  # not before the suite has chosen how MuJoCo, if it is, draws

    return RolloutPool(simulators, definition(simulators[0]))


def fastest(definition: type[ArrayTask] | None, num_envs: int, light: bool = False) -> str:
    """What `auto` stands for, by benchmarks/results/environments. light: the simulators compute next to nothing."""
    if definition is not None:
        return "rollout" if definition.rollout_from and num_envs >= definition.rollout_from else "arrays"
    return "processes" if num_envs >= (LIGHT_FROM if light else PROCESSES_FROM) and cores() > 1 else "serial"

"""Gymnasium's MuJoCo tasks (Hopper-v5, HalfCheetah-v5, Ant-v5 …) and its continuous classic control."""

from __future__ import annotations

import importlib
import math
from typing import Any

from wmzoo.envs import rendering
from wmzoo.envs.perturbed import Perturbations
from wmzoo.envs.simulated import SimulatedVectorEnv
from wmzoo.errors import WmzooError, named, unknown

rendering.choose_backend()  # first: mujoco reads the choice at import
import gymnasium  # noqa: E402

from wmzoo.envs.array_tasks.gymnasium import TASKS as ARRAY_TASKS  # noqa: E402
from wmzoo.envs.gymnasium_simulator import MakeGymnasiumSimulators  # noqa: E402
from wmzoo.envs.simulator import own_limit  # noqa: E402

LISTING = "the list: wmzoo list tasks gymnasium"
_MUJOCO = "gymnasium.envs.mujoco"
_CONTINUOUS_CLASSIC = ("Pendulum-v1", "MountainCarContinuous-v0")
ENDLESS = ("HalfCheetah", "HumanoidStandup", "Pendulum", "Pusher", "Reacher", "Swimmer")  # by themselves


class GymnasiumVectorEnv(SimulatedVectorEnv):
    """B copies of one Gymnasium task, Gymnasium's or a user's (docs/environments.md).

    task: its id, or "module:id" for one that a module registers.  action_repeat: steps per agent step, the reward is
    their sum; the last agent step of an episode takes those that are left.  episode_length: agent steps until
    truncation; by default the registered limit (1000 for the MuJoCo tasks) divided by the action repeat.  options:
    given to gymnasium.make; `max_episode_steps` is the limit in the place of the registered one, -1 for none.
    Observations that are no Box are flattened as gymnasium.wrappers.FlattenObservation does it. `success` is what the
    task puts into info["success"] or info["is_success"]. sticky, push, hide_velocities: see Perturbations. Raises
    WmzooError for an unknown task, one without continuous actions, or one whose observations make no vector.
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
        sticky: float = 0.0,
        push: float = 0.0,
        hide_velocities: bool = False,
    ) -> None:
        spec, options = find_task(task), dict(options or {})
        asked = options.pop("max_episode_steps", None)  # the batch counts: a wrapper would be one more state to save
        if asked is not None and (type(asked) is not int or (asked < 1 and asked != -1)):
            raise WmzooError(f"env.options.max_episode_steps is a number of steps, or -1 for no limit, not {asked!r}")
        steps = spec.max_episode_steps if asked is None else (asked if asked > 0 else None)
        if steps is None and episode_length is None:
            raise WmzooError(f"{task} has no episode length of its own: set env.episode_length")
        agent_steps = None if steps is None else math.ceil(steps / action_repeat)
        if episode_length is None or (asked is not None and agent_steps is not None):
            episode_length = min(each for each in (episode_length, agent_steps) if each is not None)
        make = MakeGymnasiumSimulators(spec, options, action_repeat, own_limit(steps, action_repeat, episode_length))
        defined = ARRAY_TASKS
        if unknown_options := not_in_arrays(spec, options):
            if backend in ("arrays", "rollout"):
                raise WmzooError(
                    f"env.backend={backend} does not know {', '.join(unknown_options)} of {spec.id}: "
                    f"env.backend=auto takes one that does"
                )
            defined = {}
        self.terminates = spec.id.rpartition("-")[0] not in ENDLESS
        chance = Perturbations(sticky, push, hide_velocities)
        super().__init__(spec.id, make, num_envs, episode_length, backend, device, defined, chance)


def not_in_arrays(spec: Any, options: dict[str, Any]) -> list[str]:
    """What an array task, where there is one of this name, would leave out of the environment as it is asked for."""
    definition = ARRAY_TASKS.get(spec.id)
    if definition is None:
        return []
    foreign = [] if str(spec.entry_point).startswith(_MUJOCO) else ["its entry point"]
    wrappers = ["its wrappers"] if spec.additional_wrappers else []
    return [*foreign, *wrappers, *sorted({**spec.kwargs, **options}.keys() - definition.options)]


def find_task(task: str) -> Any:
    """The registered spec of `task`, after the import of the module in "module:id"; WmzooError where there is none.

    It says what was perhaps meant, or why the module cannot be imported.
    """
    module, _, task = task.rpartition(":")
    if module:
        try:
            importlib.import_module(module)
        except Exception as error:  # whatever a module of the user's raises
            raise WmzooError(
                f"env.task={module}:{task}: the module {module} cannot be imported ({named(error)}); install it, "
                f"put its folder into PYTHONPATH, or give its file with --plugin"
            ) from error
    try:
        return gymnasium.spec(task)
    except gymnasium.error.Error as error:
        raise WmzooError(unknown("gymnasium task", task, [*task_names(), *_users()], listing=LISTING)) from error


def _users() -> list[str]:
    """Tasks that others than Gymnasium have registered."""
    return [
        spec.id
        for spec in gymnasium.registry.values()
        if not str(getattr(spec.entry_point, "__module__", spec.entry_point)).startswith("gymnasium.")
    ]


def task_names() -> list[str]:
    """Tasks that work here: the newest MuJoCo ones and continuous classic control."""
    specs = gymnasium.registry.values()
    newest = [spec.id for spec in specs if spec.version == 5 and str(spec.entry_point).startswith(_MUJOCO)]
    return sorted([*newest, *_CONTINUOUS_CLASSIC])

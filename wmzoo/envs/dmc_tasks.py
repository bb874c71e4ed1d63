"""Every dm_control task there is, the suite's own and the custom ones: names, and how each is loaded."""

from __future__ import annotations

from typing import Any

import numpy as np

from wmzoo.envs import dmc_package, rendering

rendering.choose_backend()  # first: mujoco and dm_control read the choice at import
try:
    from dm_control import suite
except ModuleNotFoundError as error:
    if error.name != "dm_control":
        raise
    raise dmc_package.missing() from error

from wmzoo.envs.dmc_custom import ball_in_cup, cheetah, hopper, pendulum, reacher, walker  # noqa: E402
from wmzoo.errors import WmzooError, unknown  # noqa: E402

CUSTOM = {
    "ball_in_cup": ball_in_cup.DOMAIN,
    "cheetah": cheetah.DOMAIN,
    "hopper": hopper.DOMAIN,
    "pendulum": pendulum.DOMAIN,
    "reacher": reacher.DOMAIN,
    "walker": walker.DOMAIN,
}
CUSTOM_TASKS = tuple((domain, task) for domain, custom in CUSTOM.items() for task in custom.tasks)
TASKS: tuple[tuple[str, str], ...] = (*suite.ALL_TASKS, *CUSTOM_TASKS)
LISTING = "the list: wmzoo list tasks dmc"

# The names under which other codebases (TD-MPC2, PWM) know a domain.
_DOMAIN_ALIASES = {"cup": "ball_in_cup", "pointmass": "point_mass"}


def load(domain: str, task: str, random: int | np.random.RandomState | None = None) -> Any:
    """dm_control's Environment of one of TASKS, which draws from `random`, a seed or a generator."""
    if (domain, task) in CUSTOM_TASKS:
        return CUSTOM[domain].load(task, random)
    return suite.load(domain, task, task_kwargs={"random": random})


def find(name: str) -> tuple[str, str]:
    """("ball_in_cup", "catch") for "ball_in_cup-catch", "cup-catch", "ball-in-cup-catch" …, or WmzooError."""
    names = {_plain(f"{domain}-{task}"): (domain, task) for domain, task in TASKS}
    for alias, domain in _DOMAIN_ALIASES.items():
        names |= {_plain(f"{alias}-{task}"): (d, task) for d, task in TASKS if d == domain}
    if _plain(name) in names:
        return names[_plain(name)]
    shown = {plain: "-".join(pair) for plain, pair in names.items()}
    raise WmzooError(unknown("dm_control task", _plain(name), (), shown, LISTING))


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")

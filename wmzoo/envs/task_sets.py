"""The tasks of MT30 and MT80 in the order of their embeddings (TD-MPC2, arXiv 2310.16828). No torch, no simulator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from wmzoo.errors import WmzooError, unknown


class Task(NamedTuple):
    """One task; its index is its place in a set."""

    name: str
    obs_dim: int
    act_dim: int

    @property
    def suite(self) -> str:
        """The entry of the registry that runs it."""
        return "metaworld" if self.name.startswith("mw-") else "dmc"


MT30 = (
    Task("walker-stand", 24, 6),
    Task("walker-walk", 24, 6),
    Task("walker-run", 24, 6),
    Task("cheetah-run", 17, 6),
    Task("reacher-easy", 6, 2),
    Task("reacher-hard", 6, 2),
    Task("acrobot-swingup", 6, 1),
    Task("pendulum-swingup", 3, 1),
    Task("cartpole-balance", 5, 1),
    Task("cartpole-balance-sparse", 5, 1),
    Task("cartpole-swingup", 5, 1),
    Task("cartpole-swingup-sparse", 5, 1),
    Task("cup-catch", 8, 2),
    Task("finger-spin", 9, 2),
    Task("finger-turn-easy", 12, 2),
    Task("finger-turn-hard", 12, 2),
    Task("fish-swim", 24, 5),
    Task("hopper-stand", 15, 4),
    Task("hopper-hop", 15, 4),
    Task("walker-walk-backwards", 24, 6),
    Task("walker-run-backwards", 24, 6),
    Task("cheetah-run-backwards", 17, 6),
    Task("cheetah-run-front", 17, 6),
    Task("cheetah-run-back", 17, 6),
    Task("cheetah-jump", 17, 6),
    Task("hopper-hop-backwards", 15, 4),
    Task("reacher-three-easy", 8, 3),
    Task("reacher-three-hard", 8, 3),
    Task("cup-spin", 8, 2),
    Task("pendulum-spin", 3, 1),
)

_META_WORLD = """
assembly basketball button-press-topdown button-press-topdown-wall button-press button-press-wall coffee-button
coffee-pull coffee-push dial-turn disassemble door-open door-close drawer-close drawer-open faucet-open faucet-close
hammer handle-press-side handle-press handle-pull-side handle-pull lever-pull peg-insert-side peg-unplug-side
pick-out-of-hole pick-place pick-place-wall plate-slide plate-slide-side plate-slide-back plate-slide-back-side
push-back push push-wall reach reach-wall shelf-place soccer stick-push stick-pull sweep-into sweep window-open
window-close bin-picking box-close door-lock door-unlock hand-insert
"""
MT80 = MT30 + tuple(Task(f"mw-{name}", 39, 4) for name in _META_WORLD.split())

SETS = {"mt30": MT30, "mt80": MT80}


def task_set(chosen: str | Sequence[str]) -> tuple[Task, ...]:
    """The tasks of "mt30", "mt80", or a list of names among MT80's; indices count within what is chosen.

    WmzooError, in one line, for an unknown name, one that comes twice, or an empty list.
    """
    if isinstance(chosen, str):
        if chosen.lower() not in SETS:
            raise WmzooError(f"there is no task set {chosen!r}: it is mt30, mt80 or a list, as [walker-walk,cup-catch]")
        return SETS[chosen.lower()]
    tasks = tuple(find(name) for name in chosen)
    if not tasks or len(set(tasks)) < len(tasks):
        raise WmzooError(f"a task set has at least one task, and none of them twice, not [{', '.join(chosen)}]")
    return tasks


def chosen_by(numbered: Mapping[int, str], count: int) -> str | None:
    """What `env.set` is for tasks with these numbers of `count`: a set's name, or the list of all of them. None where
    they are neither."""
    for name, tasks in SETS.items():
        if count == len(tasks) and all(tasks[number].name == task for number, task in numbered.items()):
            return name
    known = {task.name for task in MT80}
    whole = len(numbered) == count and known.issuperset(numbered.values())
    return f"[{','.join(numbered[number] for number in sorted(numbered))}]" if whole else None


def find(name: str, among: Sequence[Task] = MT80) -> Task:
    """The task of this name; underscores are hyphens. WmzooError with near matches where there is none."""
    known = {task.name: task for task in among}
    plain = name.lower().replace("_", "-").replace("ball-in-cup-", "cup-")
    if plain in known:
        return known[plain]
    listing = f"there are {len(known)} in {'MT30' if among == MT30 else 'MT80'}: {', '.join(list(known)[:3])} …"
    raise WmzooError(unknown("task", plain, known, listing=listing))


def task_of(env: Mapping[str, Any]) -> str:
    """What a config's environment plays, in one word: its task, "mt30", or names of tasks joined by "+"."""
    chosen = env.get("task") or env.get("only") or env.get("set") or "task"
    return chosen if isinstance(chosen, str) else "+".join(chosen)

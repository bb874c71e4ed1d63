"""What an agent is looked at on: its own task, or the chosen one of a multi-task agent's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from wmzoo.agent.agent import Agent
from wmzoo.data.shards import read_index
from wmzoo.envs.task_sets import SETS, Task, find, task_of, task_set
from wmzoo.errors import WmzooError
from wmzoo.registry import get

UNLIKE = ("name", "task", "set", "only", "num_envs", "backend", "device")  # in which the same environment can differ


@dataclass(frozen=True)
class Subject:
    """A task and its environment.

    task: its name. number: of the task in the embedding; None for an agent without one. env: the environment's entry
    with its parameters, as a config has them. chosen: whether there were others to choose from.
    """

    task: str
    number: int | None
    env: dict[str, Any]
    chosen: bool = False


def subject_of(agent: Agent, wanted: str | None = None) -> Subject:
    """wanted: a task's name or its number in the embedding; it is needed where a multi-task agent plays several.

    Raises WmzooError, without the agent's file, for a task that is missing, unknown or not needed, and for an agent
    whose config does not say what it plays.
    """
    env: dict[str, Any] = {**(agent.cfg.get("env") or {})}
    if agent.world_model.task_embedding is None:
        if not env:
            raise WmzooError("its config names no environment; `wmzoo convert` takes one, as env=walker_walk")
        if wanted is not None:
            raise WmzooError(f"--task {wanted} is for agents of several tasks; this one plays {task_of(env)}")
        return Subject(task_of(env), None, env)
    if "set" not in env:
        env = {"name": "multitask", **get("env", "multitask").params, "set": _set_of(agent)}
    tasks = task_set(env["set"])
    own = agent.world_model.task_embedding.table.num_embeddings, agent.obs_dim, agent.act_dim
    if own != (found := _widths(tasks)):
        raise WmzooError(f"its config's env.set is another one: it has N, O, A = {found}, the agent {own}")
    played = [find(name, tasks) for name in env.get("only") or ()] or list(tasks)
    task = _choose(played, tasks, wanted)
    return Subject(task.name, tasks.index(task), {**env, "only": [task.name]}, len(played) > 1)


def played_by(other: Agent, agent: Agent, subject: Subject) -> Subject:
    """The subject as another agent plays it, whose policy is to act in the place of this one's.

    Raises WmzooError where that plays another task, or the same one with other settings of the environment.
    """
    found = subject_of(other, None if other.world_model.task_embedding is None else subject.task)
    there, here = _facts(found, other), _facts(subject, agent)
    if apart := [key for key in there if key in here and there[key] != here[key]]:
        told = ", ".join(f"{key} is {there[key]} there and {here[key]} here" for key in apart)
        raise WmzooError(f"its policy cannot act here: {told}")
    return found


def _facts(subject: Subject, agent: Agent) -> dict[str, Any]:
    """What has to be alike for one agent to act in the place of another: how many there are, and how they are stepped,
    has not."""
    settings = {key: value for key, value in subject.env.items() if key not in UNLIKE}
    task = subject.task.lower().replace("_", "-")
    return {"the task": task, "O": agent.obs_dim, "A": agent.act_dim, **settings}


def _choose(played: Sequence[Task], tasks: Sequence[Task], wanted: str | None) -> Task:
    """One of the played ones, by its name or its number within all tasks."""
    if wanted is None and len(played) == 1:
        return played[0]
    numbers = {str(tasks.index(task)): task for task in played}
    if wanted in numbers:
        return numbers[wanted]
    names = ", ".join(f"{task.name} ({number})" for number, task in numbers.items())
    if wanted is None:
        raise WmzooError(f"it plays several tasks: choose one with --task, by name or number, of {names}")
    try:
        return find(wanted, played)
    except WmzooError as error:
        raise WmzooError(f"--task {wanted} is none of its tasks, {names}") from error


def _set_of(agent: Agent) -> str | list[str]:
    """`env.set` of a model that was trained on data or converted: by its widths, or as its data say."""
    model = agent.cfg.model
    for name, tasks in SETS.items():
        widths = model.num_tasks, agent.obs_dim, agent.act_dim
        if _widths(tasks) == widths and [task.act_dim for task in tasks] == list(model.action_dims or ()):
            return name
    try:
        names = _names_in_data(agent.cfg)
        task_set(names)
    except WmzooError as error:
        raise WmzooError(
            "its config does not say which tasks its numbers are; `wmzoo convert` and a pretraining take "
            "env=multitask env.set=[NAME,…]"
        ) from error
    return names


def _widths(tasks: Sequence[Task]) -> tuple[int, int, int]:
    """N, O and A of a set."""
    return len(tasks), max(task.obs_dim for task in tasks), max(task.act_dim for task in tasks)


def _names_in_data(cfg: DictConfig) -> list[str]:
    """Those of `data.dir`. WmzooError where it is not there, or lacks some of its set."""
    index = read_index(Path(str(OmegaConf.select(cfg, "data.dir"))))
    if [task.task for task in index.tasks] != list(range(cfg.model.num_tasks)):
        raise WmzooError("the data have a part of the tasks")
    return [task.name for task in index.tasks]

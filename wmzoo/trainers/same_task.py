"""Whether a policy out of data is judged on the task that it learns: what the data, the model and the environments have
in common."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from omegaconf import DictConfig

from wmzoo.data.shards import Index, name_of
from wmzoo.envs.base import VectorEnv
from wmzoo.envs.task_sets import chosen_by, task_set
from wmzoo.errors import WmzooError
from wmzoo.evaluation.tasks import tasks_of
from wmzoo.registry.tasks import having


def check_told(cfg: DictConfig, env: VectorEnv, index: Index | None) -> None:
    """WmzooError for a model of several tasks whose environments do not say which of them they play."""
    if cfg.model.num_tasks and env.action_dims is None:
        named = {task.task: task.name for task in index.tasks} if index else {}
        chosen = chosen_by(named, cfg.model.num_tasks) or "[…]"
        played = next((task.name for task in tasks_of(cfg) if task.name in named.values()), "…")
        raise WmzooError(
            f"the model has {cfg.model.num_tasks} tasks, and env={name_of(cfg.env)} does not say which of them it is: "
            f"env=multitask env.set={chosen} env.only=[{played}]"
        )


def learned_tasks(cfg: DictConfig) -> Sequence[str] | None:
    """Names of those whose episodes a policy learns from; None for all that there are."""
    names: Sequence[str] | None = cfg.data.tasks or cfg.env.get("only")
    return names


def check_same(cfg: DictConfig, env: VectorEnv, index: Index) -> None:
    """WmzooError where a policy's environments play other tasks than those whose episodes it learns from, or number
    them in another way.

    A name that belongs to no suite tells nothing: data of elsewhere may call a task as they like.
    """
    if "set" in cfg.env:
        _check_numbers(cfg, index)
    learned = {*(learned_tasks(cfg) or (task.name for task in index.tasks))}
    played = {task.name for task in tasks_of(cfg)} or {name_of(cfg.env)}
    if played != learned and all(map(having, played | learned)):
        raise WmzooError(
            f"it would learn {_listed(learned)} and be evaluated on {_listed(played)}: data.tasks, and env.only of a "
            "set or else env, name one and the same task"
        )
    if (env.obs_dim, env.act_dim) != (index.obs_dim, index.act_dim):
        raise WmzooError(
            f"the data have {index.obs_dim} observations and {index.act_dim} actions, env={name_of(cfg.env)} has "
            f"{env.obs_dim} and {env.act_dim}: they are of another task"
        )


def _check_numbers(cfg: DictConfig, index: Index) -> None:
    tasks = task_set(cfg.env.set)
    named = {task.task: task.name for task in index.tasks}
    if len(tasks) != index.num_tasks or any(tasks[number].name != name for number, name in named.items()):
        chosen = chosen_by(named, index.num_tasks)
        mend = f"env.set={chosen}" if chosen else "they are no set of env=multitask"
        raise WmzooError(f"env.set has other tasks than the data, or in another order: {mend}")


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names))

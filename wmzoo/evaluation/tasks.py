"""Policies on the tasks of a set: a score per task, and their aggregate, as MT30 and MT80 are reported."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from omegaconf import DictConfig

from wmzoo.agent.agent import Agent
from wmzoo.compute.device import arithmetic
from wmzoo.envs.build import build_env, evaluation_seed
from wmzoo.envs.task_sets import Task, find, task_set
from wmzoo.errors import WmzooError
from wmzoo.evaluation.episodes import Evaluation, evaluate
from wmzoo.evaluation.scores import episode_scores
from wmzoo.registry import build
from wmzoo.statistics.aggregates import Array, Scores, iqm, mean
from wmzoo.statistics.bootstrap import Estimate, estimate

REPETITIONS = 10_000  # of the bootstrap


@dataclass(frozen=True)
class Played:
    """One policy's episodes of one task."""

    run: Path
    task: Task
    evaluation: Evaluation

    @property
    def scores(self) -> Array:
        """[E]: each episode's, from 0 to 100."""
        return episode_scores(self.evaluation, self.task)


def play(
    agents: Mapping[Path, Agent],
    tasks: Sequence[Task],
    episodes: int,
    seed: int | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Iterator[Played]:
    """Evaluate every policy on those of the tasks that its config plays; the run's own evaluation seed by default.

    WmzooError for a policy that plays none of them.
    """
    for run, agent in agents.items():
        cfg = agent.cfg
        own = [task for task in tasks_of(cfg) if task in tasks]
        if not own:
            names = ", ".join(task.name for task in tasks_of(cfg)[:3])
            raise WmzooError(f"{run}: plays {names or 'no task of MT80'}, none of the tasks that are asked for")
        for task in own:
            say(f"{run}: {task.name}")
            one_task = {**cfg.env, "only": [task.name], "num_envs": episodes}
            env = build("env", one_task.pop("name"), **one_task) if "set" in cfg.env else build_env(cfg, episodes)
            try:
                with arithmetic(cfg):
                    evaluation = evaluate(agent, env, evaluation_seed(cfg) if seed is None else seed)
            finally:
                env.close()
            yield Played(run, task, evaluation)


def tasks_of(cfg: DictConfig) -> list[Task]:
    """The tasks of MT80 that a config's environment plays; empty where it plays something else."""
    if "set" in cfg.env:
        return [find(name) for name in cfg.env.only] if cfg.env.get("only") else list(task_set(cfg.env.set))
    name = str(cfg.env.get("task"))
    try:
        return [find(f"mw-{name.removeprefix('mw-').removesuffix('-v3')}" if cfg.env.name == "metaworld" else name)]
    except WmzooError:
        return []


@dataclass(frozen=True)
class Aggregate:
    """Over tasks, with 95% intervals by a bootstrap over `resampled`, runs or episodes, within each task."""

    mean: Estimate
    iqm: Estimate
    resampled: str


def aggregate(played: Sequence[Played]) -> Aggregate:
    """Mean and interquartile mean over all runs of all tasks (Agarwal et al. 2021, arXiv 2108.13264).

    Runs are drawn anew where every task has several; else episodes, which says nothing about other seeds of training.
    """
    by_task: dict[str, list[Array]] = {}
    for one in played:
        by_task.setdefault(one.task.name, []).append(one.scores)
    if min(map(len, by_task.values())) > 1:
        runs = [np.array([scores.mean() for scores in group]) for group in by_task.values()]
        return Aggregate(_estimate(mean, runs), _estimate(iqm, runs), "runs")

    def of_episodes(statistic: Callable[[Scores], Array]) -> Callable[[Scores], Array]:
        return lambda scores: statistic([task.mean(axis=-1, keepdims=True) for task in scores])

    episodes = [np.concatenate(group) for group in by_task.values()]
    return Aggregate(_estimate(of_episodes(mean), episodes), _estimate(of_episodes(iqm), episodes), "episodes")


def _estimate(statistic: Callable[[Scores], Array], scores: Scores) -> Estimate:
    return estimate(statistic, scores, repetitions=REPETITIONS, seed=0)

"""The normalised score by which MT30 and MT80 are reported."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wmzoo.envs.task_sets import Task
from wmzoo.errors import WmzooError
from wmzoo.evaluation.episodes import Evaluation


def episode_scores(evaluation: Evaluation, task: Task) -> np.ndarray:
    """Of each episode as one of `task`, from 0 to 100 [E]: R/10, or 100 · success in Meta-World.

    R is the return (at most 1000), success that of the last step. WmzooError where Meta-World's is not there.
    """
    if task.suite != "metaworld":
        return np.array(evaluation.returns) / 10
    if evaluation.successes is None:
        raise WmzooError(f"{task.name} has no score: its episodes were evaluated without success")
    return 100 * np.array(evaluation.successes, dtype=np.float64)


def task_scores(evaluation: Evaluation, played: Sequence[int], tasks: Sequence[Task]) -> dict[str, float]:
    """The score of each task, the mean over its episodes.

    Args:
        played: the task of each episode, an index into `tasks`.
        tasks: the whole set. WmzooError for one without an episode.
    """
    scores = {}
    for index, task in enumerate(tasks):
        episodes = [episode for episode, its_task in enumerate(played) if its_task == index]
        if not episodes:
            raise WmzooError(f"{task.name} has no score: none of its episodes was evaluated")
        scores[task.name] = float(np.mean(episode_scores(evaluation, task)[episodes]))
    return scores


def score(scores: dict[str, float]) -> float:
    """The score of a set: the mean over its tasks, however many episodes each had."""
    return float(np.mean(list(scores.values())))

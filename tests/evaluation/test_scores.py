"""A score of hand-made episodes, by arithmetic."""

from pathlib import Path

import pytest

from wmzoo.envs.task_sets import find, task_set
from wmzoo.errors import WmzooError
from wmzoo.evaluation.episodes import Evaluation
from wmzoo.evaluation.scores import score, task_scores
from wmzoo.evaluation.tasks import Played


def played(name, returns, successes=None, run="a"):
    return Played(Path(run), find(name), Evaluation(tuple(returns), (1,) * len(returns), successes))


def test_an_episodes_score_is_a_tenth_of_its_return_or_its_success_in_percent():
    assert played("cup-catch", (800, 100)).scores.tolist() == [80, 10]
    assert played("mw-reach", (800, 100, 3), (True, False, True)).scores.tolist() == [100, 0, 100]


def test_the_score_is_the_mean_over_tasks_of_a_tenth_of_the_return_or_the_success_in_percent():
    tasks = task_set(["walker-run", "mw-push", "cup-spin"])
    played = [0, 1, 2, 0, 1, 1, 1]
    successes = (False, True, False, False, False, True, True)
    evaluation = Evaluation((800, 900, 50, 600, 0, 0, 0), (500,) * 7, successes)
    scores = task_scores(evaluation, played, tasks)
    assert scores == {"walker-run": 70, "mw-push": 75, "cup-spin": 5}
    assert score(scores) == 50  # and not the mean over episodes


@pytest.mark.parametrize(("played", "words"), [([0, 0], "cup-spin has no score"), ([0, 1, 2], "mw-push has no score")])
def test_a_task_without_a_figure_is_named(played, words):
    with pytest.raises(WmzooError, match=words):
        task_scores(Evaluation((1, 1), (1, 1)), played, task_set(["walker-run", "cup-spin", "mw-push"]))

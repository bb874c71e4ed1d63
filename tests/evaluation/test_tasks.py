"""Which tasks a config plays, and the aggregate over tasks, of hand-made episodes by arithmetic."""

from pathlib import Path

import pytest

import wmzoo
from wmzoo.envs.task_sets import MT30, MT80, find
from wmzoo.evaluation.episodes import Evaluation
from wmzoo.evaluation.tasks import Played, aggregate, tasks_of


def played(name, returns, successes=None, run="a"):
    return Played(Path(run), find(name), Evaluation(tuple(returns), (1,) * len(returns), successes))


def test_the_aggregate_is_over_tasks_not_over_episodes():
    """Four tasks of 10, 20, 30 and 100: their mean is 40, the interquartile one 25, whatever their episodes' number."""
    tasks = [("walker-run", (100,)), ("cup-spin", (0, 400)), ("cup-catch", (300,) * 3), ("walker-walk", (1000, 1000))]
    found = aggregate([played(name, returns) for name, returns in tasks])
    assert (float(found.mean.value), float(found.iqm.value), found.resampled) == (40, 25, "episodes")
    assert not found.mean.has_interval  # one episode says nothing about others
    assert aggregate([played(name, returns * 2) for name, returns in tasks]).mean.has_interval


def test_only_the_task_whose_episodes_differ_makes_the_interval():
    """Of two episodes drawn twice of (0, 40): 0, 20, 20 or 40, so a mean of two tasks from 25 to 45."""
    found = aggregate([played("cup-spin", (0, 400)), played("walker-run", (500, 500))])
    assert (float(found.mean.low), float(found.mean.high)) == (25, 45)


def test_runs_are_drawn_anew_where_every_task_has_several():
    rows = [played(name, (100 * i,) * 2, run=str(i)) for name in ("cup-spin", "walker-run") for i in range(3)]
    found = aggregate(rows)
    assert found.resampled == "runs" and float(found.mean.value) == 10
    assert float(found.mean.low) < 10 < float(found.mean.high)
    assert aggregate(rows[:4]).resampled == "episodes"  # one run of the second task


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (["env=multitask", "env.set=mt30", "env.only=[cup-catch]"], [MT30[12]]),
        (["env=multitask", "env.set=mt80"], list(MT80)),
        (["env=dmc", "env.task=ball_in_cup-catch"], [MT30[12]]),
        (["env=dmc", "env.task=cheetah-run_backwards"], [MT30[21]]),
        (["env=metaworld", "env.task=reach-v3"], [MT80[65]]),
        (["env=Hopper-v5"], []),
    ],
)
def test_what_a_config_plays_is_found_under_the_sets_names(typed, expected):
    assert tasks_of(wmzoo.compose(typed)) == expected

"""The suite's tasks under their usual names."""

import pytest

from wmzoo.envs import dmc_tasks, mt30
from wmzoo.envs.dmc import DmcVectorEnv
from wmzoo.errors import WmzooError


@pytest.mark.parametrize("name", ["ball_in_cup-catch", "cup-catch", "ball-in-cup-catch", "cup_catch"])
def test_a_task_is_found_under_its_usual_names(name):
    assert DmcVectorEnv(name, 1).task == "ball_in_cup-catch"


def test_an_unknown_task_names_near_ones_and_where_the_list_is():
    with pytest.raises(WmzooError, match=r"did you mean cheetah-run.*wmzoo list tasks dmc"):
        DmcVectorEnv("cheeta-run", 1)


def test_a_custom_task_is_found_like_any_other():
    assert DmcVectorEnv("cheetah-run-backwards", 1).task == "cheetah-run_backwards"


CUSTOM = mt30.TASKS[19:]


def test_the_dmc_suite_knows_all_of_them():
    assert len(CUSTOM) == 11
    assert {dmc_tasks.find(name) for name in CUSTOM} == set(dmc_tasks.CUSTOM_TASKS)

"""The suite's tasks under their usual names."""

import re
import subprocess
import sys

import pytest

from wmzoo.envs import dmc_package, dmc_tasks, mt30
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


WITHOUT = """
import sys
sys.modules["dm_control"] = None  # as if it were not there
from wmzoo.cli.main import main
sys.exit(main(["train", "run_dir=out"]))
"""


@pytest.mark.slow
def test_a_training_without_dm_control_ends_with_the_one_command_that_installs_it(tmp_path):
    done = subprocess.run([sys.executable, "-c", WITHOUT], cwd=tmp_path, capture_output=True, text=True)
    (line,) = done.stderr.splitlines()
    assert done.returncode == 2 and re.search(r": pip install --no-deps dm_control==[\d.]+$", line)


@pytest.mark.parametrize(("mujoco", "dm_control"), [("3.3.0", "1.0.28"), ("3.17.0", "1.0.50")])
def test_that_command_names_the_version_that_goes_with_the_mujoco_that_is_installed(mujoco, dm_control, monkeypatch):
    monkeypatch.setattr(dmc_package.metadata, "version", {"mujoco": mujoco}.get)
    assert str(dmc_package.missing()).endswith(f"pip install --no-deps dm_control=={dm_control}")

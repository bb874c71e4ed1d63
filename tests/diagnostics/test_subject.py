"""The task that an agent is looked at on, from what its config says or from its data."""

from __future__ import annotations

from pathlib import Path

import pytest
from saved_agents import SET, data_of, saved

import wmzoo
from wmzoo.diagnostics.subject import played_by, subject_of
from wmzoo.envs.task_sets import MT30, find
from wmzoo.errors import WmzooError


def test_a_task_of_several_is_chosen_by_its_name_or_its_number_in_the_set(tmp_path: Path) -> None:
    agent = wmzoo.load(saved(tmp_path / "agent"))
    found = subject_of(agent, "cartpole_swingup")
    assert (found.task, found.number, found.chosen) == ("cartpole-swingup", 2, True)
    assert found.env["only"] == ["cartpole-swingup"] and list(found.env["set"]) == SET
    assert subject_of(agent, "2") == found and subject_of(agent, "0") != found
    with pytest.raises(WmzooError, match="it plays several tasks: choose one with --task"):
        subject_of(agent)


def test_the_only_task_that_is_played_needs_no_choice(tmp_path: Path) -> None:
    agent = wmzoo.load(saved(tmp_path / "agent", "env.only=[cartpole-swingup]"))
    found = subject_of(agent)
    assert found == subject_of(agent, "cartpole-swingup") == subject_of(agent, "2")
    assert found.number == 2 and not found.chosen
    with pytest.raises(WmzooError, match="--task cup-catch is none of its tasks, cartpole-swingup"):
        subject_of(agent, "cup-catch")


def test_the_tasks_of_a_model_that_was_pretrained_are_those_of_its_data_or_of_its_widths(tmp_path: Path) -> None:
    tasks = [find(name) for name in SET]
    data = data_of(tmp_path / "data", tasks)
    for name, of in (("custom", tasks), ("mt30", MT30)):
        saved(tmp_path / name, f"data.dir={data}", alone=True, tasks=of)
    found = subject_of(wmzoo.load(tmp_path / "custom"), "0")
    assert (found.task, found.number, found.env["set"]) == ("cup-catch", 0, SET)
    assert subject_of(wmzoo.load(tmp_path / "custom"), "cup-catch") == found
    found = subject_of(wmzoo.load(tmp_path / "mt30"), "cup-catch")
    assert (found.task, found.number, found.env["set"]) == ("cup-catch", MT30.index(find("cup-catch")), "mt30")


def test_another_agent_s_policy_acts_where_the_environment_is_the_same_however_it_is_stepped(
    tmp_path: Path,
) -> None:
    mine = wmzoo.load(saved(tmp_path / "mine", "env=cartpole_swingup"))
    alike = ("env=cartpole_swingup", "env.backend=serial", "env.num_envs=3")
    other = wmzoo.load(saved(tmp_path / "other", *alike))
    assert played_by(other, mine, subject_of(mine)).env["backend"] == "serial"
    for typed, says in (
        (("env=cartpole_swingup", "env.action_repeat=4"), "action_repeat is 4 there and 2 here"),
        (("env=pendulum_swingup",), "the task is pendulum-swingup there and cartpole-swingup here, O is 3 there"),
    ):
        unlike = wmzoo.load(saved(tmp_path / typed[-1], *typed))
        with pytest.raises(WmzooError, match=says):
            played_by(unlike, mine, subject_of(mine))

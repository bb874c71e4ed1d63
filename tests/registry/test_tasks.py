"""The names of tasks: what cards list is what suites have, and how it may be written."""

from __future__ import annotations

import importlib.util

import pytest

from wmzoo.registry.tasks import having, plain, presets, suites, why_missing


def played_by(suite: str) -> list[str]:
    """What the suite itself has."""
    if suite == "metaworld":
        pytest.importorskip("metaworld")
    module = importlib.import_module(f"wmzoo.envs.{'dmc_tasks' if suite == 'dmc' else suite}")
    if suite == "gymnasium":
        return module.task_names()
    if suite == "metaworld":
        return [name.removesuffix("-v3") for name in module.TASKS]
    return ["-".join(task) if isinstance(task, tuple) else task for task in module.TASKS]


@pytest.mark.parametrize("suite", ["dmc", "gymnasium", "metaworld", "dflex", "toy"])
def test_a_card_lists_every_task_of_its_suite_once(suite: str) -> None:
    assert sorted(suites()[suite]) == sorted(played_by(suite))


def test_no_name_of_a_suite_means_two_tasks() -> None:
    for tasks in suites().values():
        assert len(set(map(plain, tasks))) == len(tasks)


@pytest.mark.parametrize(
    ("written", "suite", "task"),
    [
        ("finger-turn_easy", "dmc", "finger-turn_easy"),
        ("finger_turn_easy", "dmc", "finger-turn_easy"),
        ("finger-turn-easy", "dmc", "finger-turn_easy"),
        ("ball-in-cup-catch", "dmc", "ball_in_cup-catch"),
        ("cup-spin", "dmc", "ball_in_cup-spin"),
        ("pointmass_hard", "dmc", "point_mass-hard"),
        ("HalfCheetah_v5", "gymnasium", "HalfCheetah-v5"),
        ("drawer_open", "metaworld", "drawer-open"),
        ("mw-drawer-open", "metaworld", "drawer-open"),
        ("drawer-open-v3", "metaworld", "drawer-open"),
        ("snu-humanoid", "dflex", "snu_humanoid"),
    ],
)
def test_a_task_is_found_however_it_is_written(written: str, suite: str, task: str) -> None:
    assert having(written) == {suite: task}


@pytest.mark.parametrize("name", ["finger-spins", "mw-walker-walk", "cup", "Humanoid", ""])
def test_no_other_name_is_one(name: str) -> None:
    assert having(name) == {}


def test_every_preset_plays_a_task_that_its_suite_lists() -> None:
    assert [preset for preset in presets() if preset.task not in suites()[preset.suite]] == []


def test_a_suite_that_is_not_installed_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert why_missing("metaworld") == "pip install 'wmzoo[metaworld]'"
    assert why_missing("dflex") == "`wmzoo doctor` says how to get it"
    assert why_missing("dmc") == why_missing("toy") == ""

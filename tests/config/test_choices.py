"""A task by its own name in the place of a preset, and the keys that there are."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import gymnasium
import pytest
from omegaconf import OmegaConf

from wmzoo.config.choices import GROUPS, env_names, keys, named_env, options
from wmzoo.config.composition import _keys, compose
from wmzoo.errors import WmzooError
from wmzoo.registry import CONFIGURED, get, register
from wmzoo.registry.tasks import presets, suites, why_missing

pytestmark = pytest.mark.usefixtures("configs_by_hydra")


@pytest.mark.parametrize(
    ("name", "suite", "task"),
    [
        ("finger-turn_easy", "dmc", "finger-turn_easy"),
        ("cup_catch", "dmc", "ball_in_cup-catch"),
        ("Humanoid-v5", "gymnasium", "Humanoid-v5"),
        ("Hopper-v4", "gymnasium", "Hopper-v4"),  # on no card, but registered
    ],
)
def test_a_task_s_own_name_chooses_it_with_its_suite_s_defaults(name: str, suite: str, task: str) -> None:
    assert compose([f"env={name}"]).env == {"name": suite, **get("env", suite).params, "task": task}


@pytest.mark.skipif(why_missing("metaworld") != "", reason="Meta-World is not installed")
def test_a_task_of_an_extra_is_chosen_where_that_is_installed() -> None:
    assert compose(["env=drawer-open"]).env.task == "drawer-open"


def test_a_preset_is_what_it_was_by_either_spelling() -> None:
    for preset in presets():
        if (other := preset.name.replace("_", "-")) != preset.name:
            assert named_env(other) == {"defaults": [preset.name, "_self_"]}
    assert compose(["env=dflex-ant"]).env == compose(["env=dflex_ant"]).env
    assert compose(["env=dflex_ant"]).env.num_envs == 128  # the preset's own
    assert compose(["env=Hopper_v5"]).env == compose(["env=Hopper-v5"]).env


def test_the_key_can_be_set_beside_and_the_last_choice_counts() -> None:
    env = compose(["env=fish-swim", "env.num_envs=3", "env=swimmer_swimmer6"]).env
    assert (env.task, env.num_envs) == ("swimmer-swimmer6", 3)


def test_a_name_that_two_suites_have_is_said_with_what_to_type(own_registry: None) -> None:
    @register("env", "mine", tasks=["fish_swim"])
    class Mine:
        def __init__(self, num_envs: int, task: str = "fish_swim") -> None: ...

    with pytest.raises(WmzooError, match="a task of dmc and mine: say which, env=dmc env.task=fish-swim or env=mine "):
        compose(["env=fish-swim"])
    assert compose(["env=mine"]).env.task == "fish_swim"


def test_a_task_of_a_suite_that_is_not_installed_is_refused_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(WmzooError, match=r"of metaworld, which is not installed: pip install 'wmzoo\[metaworld\]'"):
        compose(["env=drawer-open"])
    assert "drawer-open" not in env_names() and "mw_door_open" in env_names()
    assert compose(["env=mw_door_open"]).env.task == "door-open"  # a preset always composes


@pytest.mark.parametrize(
    ("name", "near"),
    [("fingr-spin", "finger_spin"), ("Humanoid-v9", "Humanoid-v5"), ("quadruped-wlk", "quadruped-walk")],
)
def test_an_unknown_name_is_told_with_near_presets_and_tasks(name: str, near: str) -> None:
    with pytest.raises(WmzooError) as refused:
        compose([f"env={name}"])
    said = str(refused.value)
    assert said.startswith(f"unknown env '{name}': did you mean ") and near in said and "`wmzoo list tasks`" in said


def test_a_task_that_a_plugin_registers_with_gymnasium_has_a_name_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gymnasium.envs.registration, "registry", registry := {**gymnasium.registry})
    monkeypatch.setattr(gymnasium, "registry", registry)
    gymnasium.register("Mine-v7", entry_point="nowhere:Mine")
    env = compose(["env=Mine-v7"]).env
    assert (env.name, env.task) == ("gymnasium", "Mine-v7")


def test_no_suite_is_imported_for_a_name_and_torch_neither() -> None:
    code = (
        "import sys; from wmzoo.config.composition import compose\n"
        "for name in ('cartpole_swingup', 'cartpole-swingup', 'fish-swim', 'Humanoid-v5'): compose([f'env={name}'])\n"
        "sys.exit(str({'dm_control', 'mujoco', 'metaworld', 'gymnasium', 'torch'} & {*sys.modules} or ''))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.strip() == ""


def test_every_name_is_there_once_a_preset_before_a_task_of_its_name() -> None:
    names = env_names()
    assert len({*names}) == len(names) and {*options("env")} < {*names}
    assert "cartpole_swingup" in names and "cartpole-swingup" not in names and "Humanoid-v5" in names
    assert len(names) > sum(map(len, suites().values())) - 10


def test_the_keys_are_those_of_a_composed_config() -> None:
    chosen = {"dynamics": "gaussian", "loss": "likelihood", "integrator": "heun", "trainer": "pretrain", "env": "dmc"}
    cfg = compose([f"{group}={name}" for group, name in chosen.items()])
    names = [f"{group}.name" for group in (*CONFIGURED, "recipe")]
    nodes = [key for key in _keys(cfg) if OmegaConf.is_dict(OmegaConf.select(cfg, key))]
    assert {*keys(chosen)} - {*GROUPS} == {*_keys(cfg)} - {*names} - {*nodes}
    assert {*keys()} > {*keys({"dynamics": "flow", "loss": "rectified_flow", "env": "dmc"})}

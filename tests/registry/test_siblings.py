"""A plugin file that imports files beside it, as a script may."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import gymnasium
import pytest
import torch

from wmzoo.envs.gymnasium import GymnasiumVectorEnv
from wmzoo.registry import RegistryError, get, plugins

PLUGIN = """
import wmzoo
from gains_of_mine import GAIN
from parts_of_mine.more import MORE

@wmzoo.register("dynamics", "mine", params={"gain": GAIN + MORE})
class Mine:
    def __init__(self, gain): ...
"""
ENV = """
import gymnasium
import numpy as np
from steps_of_mine import STEP

class Line(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (1,))
    action_space = gymnasium.spaces.Box(-1, 1, (1,))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.x = self.np_random.uniform(size=1)
        return self.x, {}

    def step(self, action):
        self.x = self.x + STEP * action
        return self.x, float(self.x[0]), False, False, {}

gymnasium.register("Sibling-v0", entry_point=Line, max_episode_steps=9)
"""


@pytest.fixture(autouse=True)
def forgotten(own_registry: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What these plugins import, and the tasks they register, are gone after the test."""
    before = set(sys.modules)
    monkeypatch.setattr(gymnasium.envs.registration, "registry", dict(gymnasium.registry))
    monkeypatch.setattr(gymnasium, "registry", gymnasium.envs.registration.registry)
    yield
    for name in set(sys.modules) - before:
        if name.partition(".")[0].endswith(("_of_mine", "plugin_mine", "plugin_env")):
            del sys.modules[name]


def write(folder: Path, gain: float = 2.0) -> Path:
    (folder / "parts_of_mine").mkdir(parents=True)
    (folder / "parts_of_mine" / "__init__.py").write_text("")
    (folder / "parts_of_mine" / "more.py").write_text("from deep_of_mine import DEEP\nMORE = DEEP\n")
    (folder / "deep_of_mine.py").write_text("DEEP = 0.5\n")
    (folder / "gains_of_mine.py").write_text(f"GAIN = {gain}\n")
    (folder / "mine.py").write_text(PLUGIN)
    return folder / "mine.py"


def test_it_finds_files_and_packages_beside_it_and_what_these_import(tmp_path: Path) -> None:
    plugins.load_file(write(tmp_path))
    assert get("dynamics", "mine").params["gain"] == 2.5


def test_a_file_of_the_name_of_an_installed_module_takes_nobody_s_place(tmp_path: Path) -> None:
    file = write(tmp_path)
    (tmp_path / "colorsys.py").write_text("raise RuntimeError('not this one')")
    plugins.load_file(file)
    sys.modules.pop("colorsys", None)
    assert importlib.import_module("colorsys").rgb_to_hsv


def test_two_plugins_whose_siblings_share_a_name_are_told_which_one_to_rename(tmp_path: Path) -> None:
    plugins.load_file(write(tmp_path / "one"))
    second = write(tmp_path / "other", 7.0)
    with pytest.raises(RegistryError, match=r"other/mine.py: `import \w+_mine` is .*/one/.* already; rename") as told:
        plugins.load_file(second)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("name", ["gains_of_mine.py", "deep_of_mine.py", "parts_of_mine/more.py"])
def test_a_bundle_s_plugin_is_not_run_unasked_once_a_file_that_it_imports_is_another(tmp_path: Path, name: str) -> None:
    file = plugins.load_file(write(tmp_path))
    digest = plugins.loaded()[-1]["sha256"]
    assert plugins.why_unknown(str(file), digest) == ""
    (tmp_path / name).write_text("print('a stranger')")
    assert plugins.why_unknown(str(file), digest) == f"you have not run it before with {Path(name).name} as it is now"


def test_an_environment_of_a_plugin_with_a_sibling_gives_the_same_numbers_in_worker_processes(tmp_path: Path) -> None:
    (tmp_path / "steps_of_mine.py").write_text("STEP = 0.25\n")
    (tmp_path / "env.py").write_text(ENV)
    plugins.load_file(tmp_path / "env.py")
    found = []
    for backend in ("processes", "serial"):
        env = GymnasiumVectorEnv("Sibling-v0", 2, backend=backend)
        env.reset(1)
        found.append(torch.stack([env.step(torch.ones(2, 1)).obs for _ in range(4)]))
        env.close()
    assert torch.equal(*found) and (found[0].diff(dim=0) == 0.25).all()

"""Rendering is chosen by itself, and its absence harms nothing but pictures."""

import os
import subprocess
import sys

import pytest

from wmzoo.envs import rendering
from wmzoo.errors import WmzooError


@pytest.fixture
def choose(monkeypatch):
    """choose(works, user) -> the backend chosen where only `works` works and the user's MUJOCO_GL is `user`."""

    def choose(works=(), user=None):
        monkeypatch.setattr(rendering, "_works", lambda backend: backend in works)
        if user is None:
            monkeypatch.delenv("MUJOCO_GL", raising=False)
        else:
            monkeypatch.setenv("MUJOCO_GL", user)
        rendering.choose_backend.cache_clear()
        return rendering.choose_backend()

    before = os.environ.get("MUJOCO_GL")
    yield choose
    monkeypatch.undo()
    if before is None:
        os.environ.pop("MUJOCO_GL", None)
    else:
        os.environ["MUJOCO_GL"] = before
    rendering.choose_backend.cache_clear()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere MuJoCo draws through the system")
@pytest.mark.parametrize(("works", "chosen"), [(("egl", "osmesa"), "egl"), (("osmesa",), "osmesa"), ((), "disabled")])
def test_egl_is_preferred_then_osmesa_then_nothing(choose, works, chosen, monkeypatch):
    monkeypatch.setattr(rendering, "sys", type("Fresh", (), {"platform": "linux", "modules": {}}))
    assert choose(works) == chosen == os.environ["MUJOCO_GL"]


def test_the_users_choice_is_kept(choose):
    assert choose(works=("egl",), user="osmesa") == "osmesa"


def test_without_a_backend_the_error_is_one_line_that_names_the_packages(choose):
    choose(user="disabled")
    with pytest.raises(WmzooError) as error:
        rendering.require_backend()
    for package in ("libegl1", "libegl-mesa0", "libgl1-mesa-dri", "libopengl0", "libosmesa6"):
        assert package in str(error.value)
    assert "\n" not in str(error.value)


WITHOUT_GL = """
import torch
from wmzoo.envs.dmc import DmcVectorEnv
from wmzoo.envs.gymnasium import GymnasiumVectorEnv
from wmzoo.errors import WmzooError
for env in (DmcVectorEnv("cheetah-run", 2), GymnasiumVectorEnv("Hopper-v5", 2)):
    env.reset(0)
    env.step(torch.zeros(2, env.act_dim))
    try:
        env.render()
    except WmzooError as error:
        assert "libosmesa6" in str(error)
    else:
        raise SystemExit("a picture without GL")
"""


def test_environments_run_on_a_machine_without_gl():
    environment = os.environ | {"MUJOCO_GL": "disabled"}
    result = subprocess.run([sys.executable, "-c", WITHOUT_GL], env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


RENDER = """
import mujoco  # imported first, with its own idea of how to draw
from wmzoo.envs import rendering
if rendering.choose_backend() in ("egl", "osmesa"):
    from wmzoo.envs.gymnasium import GymnasiumVectorEnv
    env = GymnasiumVectorEnv("Hopper-v5", 1)
    env.reset(0)
    assert env.render().shape == (360, 480, 3)
    assert env.render(width=700, height=500).shape == (500, 700, 3)  # beyond the model's own framebuffer
"""


def test_pictures_of_any_size_come_headless_and_the_process_ends_quietly():
    environment = {name: value for name, value in os.environ.items() if name != "MUJOCO_GL"}
    result = subprocess.run([sys.executable, "-c", RENDER], env=environment, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")

"""Rendering is chosen by itself, and its absence harms nothing but pictures."""

import gc
import os
import subprocess
import sys
import weakref
from types import SimpleNamespace

import numpy as np
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
        monkeypatch.delenv("WMZOO_RENDERING", raising=False)
        rendering._choose.cache_clear()
        return rendering.choose_backend()

    before = {name: os.environ.pop(name, None) for name in ("MUJOCO_GL", "WMZOO_RENDERING")}
    monkeypatch.setattr(rendering, "sys", SimpleNamespace(platform="linux", modules={}))
    yield choose
    monkeypatch.undo()
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    rendering._choose.cache_clear()


@pytest.mark.parametrize(("works", "chosen"), [(("egl", "osmesa"), "egl"), (("osmesa",), "osmesa"), ((), "disabled")])
def test_egl_is_preferred_then_osmesa_then_nothing(choose, works, chosen):
    assert choose(works) == chosen == os.environ["MUJOCO_GL"]


def test_the_users_choice_is_kept_where_it_works(choose):
    assert choose(works=("egl", "osmesa"), user="osmesa") == "osmesa"


def reason():
    with pytest.raises(WmzooError) as error:
        rendering.require_backend()
    assert "\n" not in str(error.value)
    return str(error.value)


PACKAGES = ("libegl1", "libegl-mesa0", "libgl1-mesa-dri", "libopengl0", "libosmesa6")


def test_without_a_backend_the_error_is_one_line_that_names_the_packages(choose):
    choose()
    assert "neither EGL nor OSMesa works" in reason() and all(package in reason() for package in PACKAGES)


def test_what_the_user_switched_off_is_not_said_to_be_missing(choose):
    assert choose(works=("egl",), user="disabled") == "disabled"
    assert "MUJOCO_GL=disabled switches it off" in reason() and "neither" not in reason()


def test_a_choice_of_the_user_that_does_not_work_is_told_by_its_name_and_leaves_the_rest_alive(choose):
    assert choose(works=("egl",), user="osmesa") == "disabled" == os.environ["MUJOCO_GL"]
    assert "MUJOCO_GL=osmesa does not work on this machine" in reason() and "neither" not in reason()
    assert all(package in reason() for package in PACKAGES)


def test_a_child_process_is_told_what_its_parent_found_and_does_not_probe(choose, monkeypatch):
    choose()
    told = reason()
    rendering._choose.cache_clear()
    monkeypatch.setattr(rendering, "_works", lambda backend: pytest.fail("probed again"))
    assert rendering.choose_backend() == "disabled" and reason() == told


WITHOUT_GL = """
import torch
from wmzoo.envs.dmc import DmcVectorEnv
from wmzoo.envs.gymnasium import GymnasiumVectorEnv
from wmzoo.errors import WmzooError
for env in (DmcVectorEnv("cheetah-run", 2), DmcVectorEnv("quadruped-escape", 2), GymnasiumVectorEnv("Hopper-v5", 2)):
    try:
        env.check_rendering()
    except WmzooError as error:
        assert "MUJOCO_GL" in str(error)
    else:
        raise SystemExit("pictures are said to be possible without GL")
    env.reset(0)
    env.step(torch.zeros(2, env.act_dim))
    try:
        env.render()
    except WmzooError as error:
        assert "MUJOCO_GL" in str(error)
    else:
        raise SystemExit("a picture without GL")
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["disabled", "nonsense"])
def test_environments_run_on_a_machine_without_gl(backend):
    environment = os.environ | {"MUJOCO_GL": backend, "WMZOO_RENDERING": ""}
    result = subprocess.run([sys.executable, "-c", WITHOUT_GL], env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


TERRAIN = """
<mujoco>
  <asset><hfield name="terrain" nrow="8" ncol="8" size="1 1 1 0.1"/></asset>
  <worldbody><light pos="0 0 9"/><geom type="hfield" hfield="terrain"/></worldbody>
</mujoco>
"""


@pytest.fixture
def terrain():
    """(model, data) of a bowl; skips where nothing can be drawn."""
    try:
        rendering.require_backend()
    except WmzooError:
        pytest.skip("no rendering on this machine")
    import mujoco

    model = mujoco.MjModel.from_xml_string(TERRAIN)
    model.hfield_data[:] = np.square(np.linspace(-1, 1, 8)).repeat(8)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    return model, data


def test_a_terrain_that_an_episode_changed_is_drawn_as_it_is(terrain):
    model, data = terrain
    kept, fresh = rendering.Pictures(), rendering.Pictures()
    before = kept.draw(model, data, -1, 64, 48)
    model.hfield_data[:] = model.hfield_data[::-1] * np.linspace(0, 1, 64)
    after = kept.draw(model, data, -1, 64, 48)
    assert np.array_equal(after, fresh.draw(model, data, -1, 64, 48)) and not np.array_equal(after, before)


def test_a_context_that_the_garbage_collector_frees_spoils_no_other(terrain, monkeypatch):
    """The collector, where it is on, comes at the worst moment: between a context's being made current and its use."""
    model, data = terrain
    expected = rendering.Pictures().draw(model, data, -1, 64, 48)
    garbage = rendering.Pictures()
    garbage.draw(model, data, -1, 64, 48)
    garbage.itself = garbage  # only the collector can free it
    freed = weakref.ref(garbage)
    del garbage
    from mujoco import gl_context

    make_current = gl_context.GLContext.make_current

    def make_current_and_collect(context):
        make_current(context)
        if gc.isenabled():
            gc.collect()

    monkeypatch.setattr(gl_context.GLContext, "make_current", make_current_and_collect)
    assert np.array_equal(rendering.Pictures().draw(model, data, -1, 64, 48), expected)
    assert gc.isenabled()
    gc.collect()
    assert freed() is None


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


@pytest.mark.slow
def test_pictures_of_any_size_come_headless_and_the_process_ends_quietly():
    environment = {name: value for name, value in os.environ.items() if name not in ("MUJOCO_GL", "WMZOO_RENDERING")}
    result = subprocess.run([sys.executable, "-c", RENDER], env=environment, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")


DM_CONTROL = """
from dm_control import suite  # imported first, with its own idea of how to draw
from wmzoo.envs import rendering
if rendering.choose_backend() in ("egl", "osmesa"):
    assert suite.load("pendulum", "swingup").physics.render(48, 64).max() > 0
"""


@pytest.mark.slow
def test_dm_control_that_was_imported_first_draws_by_what_works():
    environment = {name: value for name, value in os.environ.items() if name not in ("MUJOCO_GL", "WMZOO_RENDERING")}
    result = subprocess.run([sys.executable, "-c", DM_CONTROL], env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


TRITON = """
import sys
assert not {"mujoco.egl", "mujoco.osmesa", "dm_control"} & {*sys.modules}, "Mesa may be loaded already"
print("triton")
"""


@pytest.mark.slow
def test_triton_is_loaded_before_whatever_may_load_mesa(tmp_path):
    """Else the GPU builds of torch end a process that has made an environment, on machines that draw by Mesa."""
    (tmp_path / "triton.py").write_text(TRITON)
    code = "import wmzoo; wmzoo.build('env', 'dmc', num_envs=1)"
    environment = {name: value for name, value in os.environ.items() if name not in ("MUJOCO_GL", "WMZOO_RENDERING")}
    environment["PYTHONPATH"] = os.pathsep.join([str(tmp_path), os.getcwd()])
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "triton\n"

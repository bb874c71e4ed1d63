"""Choosing how MuJoCo draws without a screen, before mujoco or dm_control are imported.

The user's MUJOCO_GL is respected. Otherwise EGL where it really works, else OSMesa, else rendering is
switched off and whoever asks for a picture is told what to install. The choice is written to MUJOCO_GL, so
child processes inherit it.
"""

from __future__ import annotations

import atexit
import functools
import importlib
import os
import subprocess
import sys
import weakref
from typing import Any

import numpy as np

from wmzoo.errors import WmzooError

NO_RENDERING = (
    "no rendering: neither EGL nor OSMesa works on this machine; on Debian or Ubuntu install "
    "libegl1 libegl-mesa0 libgl1-mesa-dri libopengl0 (EGL), or libosmesa6 (OSMesa)"
)
_OFF = ("disable", "disabled", "off", "false", "0")
# Draws one frame, in a process of its own: a broken driver may crash it.
_PROBE = """
import mujoco
model = mujoco.MjModel.from_xml_string("<mujoco><worldbody><geom size='1'/></worldbody></mujoco>")
renderer = mujoco.Renderer(model, 16, 16)
renderer.update_scene(mujoco.MjData(model))
renderer.render()
"""


@functools.cache
def choose_backend() -> str:
    """Set MUJOCO_GL where the user has not, and return it ("disabled" where nothing works). Probes once."""
    chosen = os.environ.get("MUJOCO_GL", "").strip().lower()
    if not chosen and sys.platform.startswith("linux"):
        chosen = next((name for name in ("egl", "osmesa") if _works(name)), "disabled")
        os.environ["MUJOCO_GL"] = chosen
        if "mujoco" in sys.modules:  # imported before us: it has decided already, let it decide again
            importlib.reload(importlib.import_module("mujoco.gl_context"))
    return chosen


def require_backend() -> None:
    """Raise WmzooError with what to do about it where rendering is off."""
    if choose_backend() in _OFF:
        raise WmzooError(NO_RENDERING)


class Pictures:
    """Draws one simulation; the GL context is made at the first picture and kept while the size stays."""

    def __init__(self) -> None:
        self._renderer: Any = None
        self._drawn: tuple[int, int, int] | None = None

    def draw(self, model: Any, data: Any, camera: Any, width: int, height: int) -> np.ndarray:
        """uint8 [height, width, 3] of an mjModel and its mjData.

        camera: an index, -1 for the free one, or an mjvCamera.

        Raises WmzooError where this machine cannot render.
        """
        require_backend()
        import mujoco

        if self._drawn != (id(model), width, height):
            self.close()
            buffer = model.vis.global_
            buffer.offwidth, buffer.offheight = max(buffer.offwidth, width), max(buffer.offheight, height)
            try:
                self._renderer = mujoco.Renderer(model, height, width)
            except Exception as error:  # every backend has exceptions of its own
                raise WmzooError(f"MUJOCO_GL={choose_backend()} cannot render here: {error}") from error
            atexit.register(_close, weakref.ref(self))  # before MuJoCo's own exit handler ends EGL
            self._drawn = (id(model), width, height)
        self._renderer.update_scene(data, camera)
        picture: np.ndarray = self._renderer.render()
        return picture

    def close(self) -> None:
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = self._drawn = None


def _close(pictures: weakref.ref[Pictures]) -> None:
    alive = pictures()
    if alive is not None:
        alive.close()


def _works(backend: str) -> bool:
    environment = os.environ | {"MUJOCO_GL": backend, "PYOPENGL_PLATFORM": backend}
    try:
        probe = subprocess.run([sys.executable, "-c", _PROBE], env=environment, capture_output=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return probe.returncode == 0

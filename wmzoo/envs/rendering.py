"""Choosing how MuJoCo draws without a screen, before mujoco or dm_control are imported.

The user's MUJOCO_GL is taken where it works. Without one, EGL where it really works, else OSMesa. Else rendering is
switched off, since dm_control cannot even be imported with a backend that is not there, and whoever asks for a
picture is told why and what to install. The choice is written to MUJOCO_GL, so child processes inherit it.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import os
import subprocess
import sys
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np

from wmzoo.errors import WmzooError

_INSTALL = (
    "on Debian or Ubuntu install libegl1 libegl-mesa0 libgl1-mesa-dri libopengl0 (for EGL), or libosmesa6 (for OSMesa)"
)
NO_RENDERING = f"no rendering: neither EGL nor OSMesa works on this machine; {_INSTALL}"
SWITCHED_OFF = "no rendering: MUJOCO_GL={} switches it off; without MUJOCO_GL, what works is chosen"
NOT_WORKING = (
    f"no rendering: MUJOCO_GL={{}} does not work on this machine; without MUJOCO_GL, what works is chosen; {_INSTALL}"
)
_FOUND = "WMZOO_RENDERING"  # "backend:why it is off", for child processes
_OFF = ("disable", "disabled", "off", "false", "0")
# The modules that read MUJOCO_GL as they are imported; newer versions of mujoco have both of its.
_DECIDE = ("mujoco.rendering.classic.gl_context", "mujoco.gl_context", "dm_control._render")
# Draws one frame, in a process of its own: a broken driver may crash it.
_PROBE = """
import mujoco
model = mujoco.MjModel.from_xml_string("<mujoco><worldbody><geom size='1'/></worldbody></mujoco>")
renderer = mujoco.Renderer(model, 16, 16)
renderer.update_scene(mujoco.MjData(model))
renderer.render()
"""


def choose_backend() -> str:
    """Set MUJOCO_GL to what works, the user's choice if any, and return it; else "disabled". Probes once."""
    return _choose()[0]


def require_backend() -> None:
    """Raise WmzooError with what to do about it where rendering is off."""
    if why := _choose()[1]:
        raise WmzooError(why)


@functools.cache
def _choose() -> tuple[str, str]:
    """The backend, and why it is off if it is."""
    asked = os.environ.get("MUJOCO_GL", "").strip().lower()
    found, _, why = os.environ.get(_FOUND, "").partition(":")
    if asked not in _OFF:
        _load_triton_first()
    if asked and asked == found:  # by a parent process
        return asked, why
    if asked in _OFF:
        return asked, SWITCHED_OFF.format(asked)
    if not sys.platform.startswith("linux"):
        return asked, ""
    chosen = next((name for name in ([asked] if asked else ["egl", "osmesa"]) if _works(name)), "disabled")
    if chosen == "disabled":
        why = NOT_WORKING.format(asked) if asked else NO_RENDERING
    os.environ |= {"MUJOCO_GL": chosen, _FOUND: f"{chosen}:{why}"}
    for decides in _DECIDE:
        if decides in sys.modules and chosen != asked:  # imported before us, and has decided: let it decide again
            importlib.reload(sys.modules[decides])
    return chosen, why


def _load_triton_first() -> None:
    """Triton, which GPU builds of torch bring, ends the process if Mesa has loaded its LLVM before it does."""
    with contextlib.suppress(Exception):  # mostly it is not there
        importlib.import_module("triton")


class Pictures:
    """Draws one simulation; the GL context is made at the first picture and kept while size and terrain stay.

    Without shadows, reflections and smoothed edges, of which a picture costs several times as much on a processor.
    """

    def __init__(self) -> None:
        self._renderer: Any = None
        self._drawn: tuple[int, int, int, bytes] | None = None

    def draw(self, model: Any, data: Any, camera: Any, width: int, height: int) -> np.ndarray:
        """uint8 [height, width, 3] of an mjModel and its mjData.

        camera: an index, -1 for the free one, or an mjvCamera.

        Raises WmzooError where this machine cannot render.
        """
        require_backend()
        wanted = id(model), width, height, model.hfield_data.tobytes()  # a context is given the terrain when it is made
        with _uncollected():
            if self._drawn != wanted:
                self.close()
                self._renderer = _renderer(model, width, height)
                atexit.register(_close, weakref.ref(self))  # before MuJoCo's own exit handler ends EGL
                self._drawn = wanted
            self._renderer.update_scene(data, camera)
            picture: np.ndarray = self._renderer.render()
        return picture

    def close(self) -> None:
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = self._drawn = None


def _renderer(model: Any, width: int, height: int) -> Any:
    """A mujoco.Renderer of that size [pixels]; WmzooError where it cannot be made."""
    import mujoco  # not before a backend is chosen: it reads the choice at import

    buffer = model.vis.global_
    buffer.offwidth, buffer.offheight = max(buffer.offwidth, width), max(buffer.offheight, height)
    model.vis.quality.offsamples = 0
    try:
        renderer = mujoco.Renderer(model, height, width)
    except Exception as error:  # every backend has exceptions of its own
        raise WmzooError(f"MUJOCO_GL={choose_backend()} cannot render here: {error}") from error
    for effect in (mujoco.mjtRndFlag.mjRND_SHADOW, mujoco.mjtRndFlag.mjRND_REFLECTION):
        renderer.scene.flags[effect] = False
    return renderer


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Without garbage collection, lest it frees another GL context, which leaves this thread without a current one."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _close(pictures: weakref.ref[Pictures]) -> None:
    alive = pictures()
    if alive is not None:
        alive.close()


def _works(backend: str) -> bool:
    environment = os.environ | {"MUJOCO_GL": backend}
    if backend in ("egl", "osmesa"):
        environment["PYOPENGL_PLATFORM"] = backend
    try:
        probe = subprocess.run([sys.executable, "-c", _PROBE], env=environment, capture_output=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return probe.returncode == 0

"""Choosing how MuJoCo draws without a screen, before mujoco or dm_control are imported.

The user's MUJOCO_GL is respected. Otherwise EGL where it really works, else OSMesa, else rendering is switched off and
whoever asks for a picture is told what to install. The choice is written to MUJOCO_GL, so child processes inherit it.
"""

from __future__ import annotations

import functools
import importlib
import os
import subprocess
import sys

from wmzoo.errors import WmzooError

NO_RENDERING = (
    "no rendering: neither EGL nor OSMesa works on this machine; on Debian or Ubuntu install "
    "libegl1 libegl-mesa0 libgl1-mesa-dri libopengl0 (EGL), or libosmesa6 (OSMesa)"
)
_OFF = ("disable", "disabled", "off", "false", "0")
# Draws one frame the way both dm_control and Gymnasium do, in a process of its own: a broken driver may crash it.
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


def _works(backend: str) -> bool:
    environment = os.environ | {"MUJOCO_GL": backend, "PYOPENGL_PLATFORM": backend}
    try:
        probe = subprocess.run([sys.executable, "-c", _PROBE], env=environment, capture_output=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return probe.returncode == 0

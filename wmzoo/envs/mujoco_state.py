"""What a MuJoCo simulation, its task and its generators hold: saved bit for bit, without pickle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mujoco
import numpy as np

_INTEGRATION = mujoco.mjtState.mjSTATE_INTEGRATION
_SPEC = int(_INTEGRATION)
KEY = 624  # words of a Mersenne twister
FLAGS = ("geom_contype", "geom_conaffinity", "geom_group", "site_group", "eq_active0")  # integers a task may set


def integration_state(model: Any, data: Any) -> np.ndarray:
    """float64 [S]: all that mj_step starts from, time, positions, velocities, controls, warm start …"""
    state = np.empty(mujoco.mj_stateSize(model, _SPEC))
    mujoco.mj_getState(model, data, state, _SPEC)
    return state


def set_integration_state(model: Any, data: Any, state: np.ndarray) -> None:
    (state,) = alike({"integration": state}, {"integration": integration_state(model, data)}).values()
    mujoco.mj_setState(model, data, state, _SPEC)


def derived(model: Any, data: Any) -> dict[str, np.ndarray]:
    """Every array of an mjData whose size is fixed (poses, forces, sensors …), as of the last step."""
    fixed = _arrays(mujoco.MjData(model))  # in a fresh one the contact and constraint arrays are empty
    return {name: getattr(data, name).copy() for name in fixed}


def set_derived(data: Any, saved: dict[str, np.ndarray]) -> None:
    """Only numbers: integers are addresses, which MuJoCo computes anew before it follows them."""
    numbers = {name: value for name, value in saved.items() if value.dtype.kind == "f"}
    for name, value in alike(numbers, _arrays(data)).items():
        getattr(data, name)[...] = value


def alike(saved: dict[str, np.ndarray], now: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Copies of saved arrays that may take the place of those of their names in `now`.

    ValueError for one of another name, shape or type, and for other integers than FLAGS that are not as they are now:
    they are a model's structure, addresses that MuJoCo follows wherever they lead.
    """
    for name, value in saved.items():
        if name not in now or not isinstance(value, np.ndarray):
            raise ValueError(f"env: its state has {name}, which the simulation does not have")
        if value.shape != now[name].shape or value.dtype != now[name].dtype:
            raise ValueError(
                f"env: {name} is {value.dtype}{list(value.shape)}, not {now[name].dtype}{list(now[name].shape)}"
            )
        if value.dtype.kind != "f" and name not in FLAGS and not np.array_equal(value, now[name]):
            raise ValueError(f"env: {name} is not that of this task's model")
    return {name: value.copy() for name, value in saved.items()}


class ModelArrays:
    """The arrays of an mjModel as they were at first, to find and undo what a task changed in its model.

    Tasks move targets or set sizes at reset (dm_control's reacher, manipulator, quadruped-escape's terrain
    …), so the model is a part of the state. Only fields that differ are stored.
    """

    def __init__(self, model: Any) -> None:
        self._original = {name: value.copy() for name, value in self._fields(model).items()}

    def __getitem__(self, name: str) -> np.ndarray:
        return self._original[name]

    def changes(self, model: Any) -> dict[str, np.ndarray]:
        return {
            name: value.copy()
            for name, value in self._fields(model).items()
            if not np.array_equal(value, self._original[name])
        }

    def restore(self, model: Any, changes: dict[str, np.ndarray] | None = None) -> None:
        """Make the model the original one plus `changes`."""
        changes = alike(changes or {}, self._original)
        for name, value in self._fields(model).items():
            wanted = changes[name] if name in changes else self._original[name]
            if not np.array_equal(value, wanted):
                value[...] = wanted

    @staticmethod
    def _fields(model: Any) -> dict[str, np.ndarray]:
        # Textures are most of the bytes, and no task repaints them.
        return {name: value for name, value in _arrays(model).items() if name != "tex_data"}


def _arrays(struct: Any) -> dict[str, np.ndarray]:
    names = (name for name in dir(struct) if not name.startswith("_"))
    values = ((name, getattr(struct, name)) for name in names)
    return {name: value for name, value in values if isinstance(value, np.ndarray) and value.size}


def attributes(owner: object) -> dict[str, Any]:
    """The numeric attributes of a task: numbers and arrays. The rest is constant.

    A view of the simulation (Meta-World's basketball keeps one as its target) is not copied: it follows by itself.
    """
    found: dict[str, Any] = {}
    for name, value in vars(owner).items():
        if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
            if not _borrowed(value):
                found[name] = value.copy()
        elif isinstance(value, bool | int | float | np.number | np.bool_):
            found[name] = value.item() if isinstance(value, np.generic) else value
    return found


def _borrowed(array: np.ndarray) -> bool:
    """Whether the memory is another library's, MuJoCo's that is."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array.base is not None


def set_attributes(owner: object, saved: dict[str, Any]) -> None:
    for name, value in saved.items():
        now = getattr(owner, name, None)
        if isinstance(now, np.ndarray) and (np.shape(value), np.asarray(value).dtype) != (now.shape, now.dtype):
            raise ValueError(f"env: {name} of the task is not {now.dtype}{list(now.shape)}")
        setattr(owner, name, value.copy() if isinstance(value, np.ndarray) else value)


def random_state(random: np.random.RandomState) -> dict[str, Any]:
    """State of a Mersenne twister: key int64 [624] and three numbers."""
    _, key, position, has_gauss, cached = random.get_state(legacy=True)
    return {
        "key": np.asarray(key).astype(np.int64),
        "position": int(position),
        "has_gauss": int(has_gauss),
        "cached": float(cached),
    }


def set_random_state(random: np.random.RandomState, saved: dict[str, Any]) -> None:
    if saved["key"].shape != (KEY,) or not 0 <= saved["position"] <= KEY:  # NumPy would read beyond its key
        raise ValueError("env: the state of a random stream is none")
    key = saved["key"].astype(np.uint32)
    random.set_state(("MT19937", key, saved["position"], saved["has_gauss"], saved["cached"]))


def generator_state(generator: np.random.Generator) -> np.ndarray:
    """State of a PCG64 generator as int64 [6]: the two 128-bit words in halves, and the spare 32 bits."""
    state = generator.bit_generator.state
    words = [state["state"]["state"], state["state"]["inc"]]
    halves = [half for word in words for half in divmod(word, 2**64)]
    spare = [state["has_uint32"], state["uinteger"]]
    return np.array([*halves, *spare], dtype=np.uint64).view(np.int64)


def set_generator_state(generator: np.random.Generator, saved: np.ndarray) -> None:
    if saved.dtype != np.int64 or saved.shape != (6,):
        raise ValueError("env: the state of a random stream is none")
    high, low, inc_high, inc_low, has_spare, spare = (int(x) for x in saved.view(np.uint64))
    generator.bit_generator.state = {
        "bit_generator": "PCG64",
        "state": {"state": high * 2**64 + low, "inc": inc_high * 2**64 + inc_low},
        "has_uint32": has_spare,
        "uinteger": spare,
    }

"""Saving and restoring what a MuJoCo simulation, its task and its generators hold, bit for bit and without pickle."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
import torch
from torch import Tensor

_INTEGRATION = mujoco.mjtState.mjSTATE_INTEGRATION
_SPEC = int(_INTEGRATION)


def integration_state(model: Any, data: Any) -> Tensor:
    """float64 [S]: time, positions, velocities, activations, controls, warm start …: all that mj_step starts from."""
    state = np.empty(mujoco.mj_stateSize(model, _SPEC))
    mujoco.mj_getState(model, data, state, _SPEC)
    return torch.from_numpy(state)


def set_integration_state(model: Any, data: Any, state: Tensor) -> None:
    mujoco.mj_setState(model, data, state.numpy(), _SPEC)


class ModelArrays:
    """The arrays of an mjModel as they were at construction, to find and undo what a task changed in its model.

    Tasks move targets or set sizes at reset (dm_control's reacher, manipulator, quadruped-escape's terrain …), so the
    model is a part of the state. Only fields that differ are stored.
    """

    def __init__(self, model: Any) -> None:
        self._original = {name: value.copy() for name, value in _arrays(model).items()}

    def changes(self, model: Any) -> dict[str, Tensor]:
        return {
            name: torch.from_numpy(value.copy())
            for name, value in _arrays(model).items()
            if not np.array_equal(value, self._original[name])
        }

    def restore(self, model: Any, changes: dict[str, Tensor] | None = None) -> None:
        """Make the model the original one plus `changes`."""
        changes = changes or {}
        for name, value in _arrays(model).items():
            wanted = changes[name].numpy() if name in changes else self._original[name]
            if not np.array_equal(value, wanted):
                value[...] = wanted


def _arrays(struct: Any) -> dict[str, np.ndarray]:
    names = (name for name in dir(struct) if not name.startswith("_"))
    values = ((name, getattr(struct, name)) for name in names)
    return {name: value for name, value in values if isinstance(value, np.ndarray) and value.size}


def attributes(owner: object) -> dict[str, Any]:
    """The numeric attributes of a task: numbers as they are, arrays as tensors. Everything else is constant."""
    found: dict[str, Any] = {}
    for name, value in vars(owner).items():
        if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
            found[name] = torch.from_numpy(value.copy())
        elif isinstance(value, bool | int | float | np.number | np.bool_):
            found[name] = value.item() if isinstance(value, np.generic) else value
    return found


def set_attributes(owner: object, saved: dict[str, Any]) -> None:
    for name, value in saved.items():
        setattr(owner, name, value.numpy().copy() if isinstance(value, Tensor) else value)


def random_state(random: np.random.RandomState) -> dict[str, Any]:
    """State of a Mersenne twister: key int64 [624] and three numbers."""
    _, key, position, has_gauss, cached = random.get_state(legacy=True)  # type: ignore[misc]
    return {
        "key": torch.from_numpy(np.asarray(key).astype(np.int64)),
        "position": int(position),
        "has_gauss": int(has_gauss),
        "cached": float(cached),
    }


def set_random_state(random: np.random.RandomState, saved: dict[str, Any]) -> None:
    key = saved["key"].numpy().astype(np.uint32)
    random.set_state(("MT19937", key, saved["position"], saved["has_gauss"], saved["cached"]))

"""What a Python object holds, as numbers, strings, arrays, lists and dicts, and back into another one: no pickle.

Saved are plain values, NumPy's arrays, the random generators of NumPy and Python, the built-in collections of all of
these in any depth, and the attributes of objects that hold nothing else. What two attributes share is one thing again
when it is put back. Functions, classes and modules do not change: they stay as they stand.
"""

from __future__ import annotations

import logging
import random
import re
import types
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from enum import Enum
from functools import partial
from pathlib import PurePath
from typing import Any

import numpy as np

from wmzoo.envs.mujoco_state import KEY

UNCHANGING = (
    *(types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.ModuleType, type, np.ufunc, np.dtype),
    *(range, slice, types.EllipsisType, partial, logging.Logger, re.Pattern, PurePath),
)
COLLECTIONS: dict[str, type] = {each.__name__: each for each in (list, tuple, set, frozenset, deque)}
MAPPINGS: dict[str, type] = {each.__name__: each for each in (dict, OrderedDict, Counter)}
BIT_GENERATORS = ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64")


class NotPlain(Exception):
    """Something cannot be saved, or put back; the message names it."""


class _Plain:
    """The memory of its objects is that of a class without a base in C."""


def save(owner: object, unchanging: Callable[[Any], bool], skip: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The attributes of `owner`, and of the objects among them.

    unchanging: whether a value is to stay as it stands.  skip: names of attributes of which the same is known.
    Raises NotPlain for a value that is none of the above.
    """
    try:
        saved: dict[str, Any] = _Saver(unchanging, skip).value(owner, "", is_attribute=True)
    except RecursionError as error:
        raise NotPlain("what it holds is nested too deeply") from error
    return saved


def put_back(owner: object, saved: dict[str, Any]) -> None:
    """Give `owner` what `save` took from its like; arrays and collections are new ones. NotPlain for an unlike one."""
    _Restorer().value(saved, owner, "")


class _Saver:
    def __init__(self, unchanging: Callable[[Any], bool], skip: frozenset[str]) -> None:
        self._unchanging, self._skip = unchanging, skip
        self._met: dict[int, tuple[int, Any]] = {}  # id -> number, and the thing, lest its id is given anew
        self._memory: dict[int, list[np.ndarray]] = {}  # the arrays met, by the one that owns their memory

    def value(self, value: Any, where: str, is_attribute: bool = False) -> Any:
        if value is None or type(value) in (bool, int, float, str):
            return value
        if isinstance(value, np.generic) and _is_numeric(value.dtype):
            return {"is": "scalar", "value": np.array(value)}
        if id(value) in self._met:
            return {"is": "again", "number": self._met[id(value)][0]}
        number = len(self._met)
        self._met[id(value)] = (number, value)
        return {"number": number} | self._new(value, where, is_attribute)

    def _new(self, value: Any, where: str, is_attribute: bool) -> dict[str, Any]:
        kind = type(value)
        if kind is np.ndarray and _is_numeric(value.dtype):
            return {"is": "array", "value": self._array(value, where)}
        if kind in (bytes, bytearray):
            return {"is": kind.__name__, "value": np.frombuffer(value, dtype=np.uint8).copy()}
        if kind in COLLECTIONS.values():
            items = [self.value(item, f"{where}[…]") for item in value]
            return {"is": kind.__name__, "items": items} | ({"maxlen": value.maxlen} if kind is deque else {})
        if kind in MAPPINGS.values():
            pairs = [[self.value(each, f"{where}[…]") for each in pair] for pair in value.items()]
            return {"is": kind.__name__, "items": pairs}
        if kind is np.random.Generator and type(value.bit_generator).__name__ in BIT_GENERATORS:
            return {"is": "generator", "state": self.value(value.bit_generator.state, where)}
        if kind is np.random.RandomState:
            return {"is": "random state", "state": self.value(value.get_state(legacy=False), where)}
        if kind is random.Random:
            return {"is": "random", "state": self.value(value.getstate(), where)}
        if is_attribute and isinstance(value, Enum):
            return {"is": "member", "of": _name(kind), "name": value.name}
        if is_attribute and _has_attributes_only(kind):
            return {"is": "object", "of": _name(kind), "attributes": self._attributes(value, where)}
        raise NotPlain(f"{where or 'it'} is a {_name(kind)}")

    def _attributes(self, owner: object, where: str) -> dict[str, Any]:
        return {
            name: self.value(value, f"{where}.{name}" if where else name, is_attribute=True)
            for name, value in vars(owner).items()
            if name not in self._skip and not self._stays(value)
        }

    def _stays(self, value: Any) -> bool:
        """Whether it does not change, or is a collection of such things alone."""
        if isinstance(value, UNCHANGING) or self._unchanging(value):
            return True
        if type(value) in (*COLLECTIONS.values(), *MAPPINGS.values()) and value:
            return all(map(self._stays, value.values() if isinstance(value, dict) else value))
        # A view of a simulation's memory follows by itself.
        return isinstance(value, np.ndarray) and type(_owner_of(value).base).__name__ == "PyCapsule"

    def _array(self, array: np.ndarray, where: str) -> np.ndarray:
        """A copy. NotPlain where writing into another one that was met would change it, which a copy forgets."""
        neighbours = self._memory.setdefault(id(_owner_of(array)), [])
        if any(np.may_share_memory(array, other) for other in neighbours):
            raise NotPlain(f"{where} shares its memory with another array")
        neighbours.append(array)
        return array.copy()


class _Restorer:
    def __init__(self) -> None:
        self._met: dict[int, Any] = {}

    def value(self, saved: Any, now: Any, where: str) -> Any:
        """now: what stands where the value is to be put, into which an object's attributes go."""
        if not isinstance(saved, dict):
            return saved
        if saved["is"] == "scalar":
            return saved["value"][()]
        if saved["is"] == "again":
            return self._met[saved["number"]]
        kind, number = saved["is"], saved["number"]
        if kind in ("object", "member"):
            if _name(type(now)) != saved["of"]:
                raise NotPlain(f"{where or 'it'} was a {saved['of']}, and is a {_name(type(now))} after a reset")
            if kind == "member":
                now = type(now)[saved["name"]]
            self._met[number] = now
            for name, value in saved.get("attributes", {}).items():
                below = f"{where}.{name}" if where else name
                vars(now)[name] = self.value(value, vars(now).get(name), below)
            return now
        if kind in MAPPINGS:
            self._met[number] = made = MAPPINGS[kind]()
            made.update({self.value(key, None, where): self.value(item, None, where) for key, item in saved["items"]})
            return made
        if kind in ("list", "deque"):  # known before their items, which may be they themselves
            self._met[number] = made = [] if kind == "list" else deque(maxlen=saved["maxlen"])
            made.extend(self.value(item, None, where) for item in saved["items"])
            return made
        self._met[number] = made = self._made(kind, saved, where)
        return made

    def _made(self, kind: str, saved: dict[str, Any], where: str) -> Any:
        if kind in COLLECTIONS:
            return COLLECTIONS[kind](self.value(item, None, where) for item in saved["items"])
        if kind == "array":
            return saved["value"].copy()
        if kind in ("bytes", "bytearray"):
            return (bytes if kind == "bytes" else bytearray)(saved["value"].tobytes())
        state = self.value(saved["state"], None, where)
        _check_stream(state)
        if kind == "generator" and state["bit_generator"] in BIT_GENERATORS:
            generator = np.random.Generator(getattr(np.random, state["bit_generator"])())
            generator.bit_generator.state = state
            return generator
        made = np.random.RandomState() if kind == "random state" else random.Random()
        (made.set_state if isinstance(made, np.random.RandomState) else made.setstate)(state)
        return made


def _check_stream(state: Any) -> None:
    """ValueError for a Mersenne Twister's state with another key, or a place beyond it, where NumPy would read."""
    if isinstance(state, dict) and state.get("bit_generator") == "MT19937":
        key, place = state["state"].get("key"), state["state"].get("pos")
        fits = isinstance(key, np.ndarray) and key.shape == (KEY,) and type(place) is int and 0 <= place <= KEY
        if not fits:
            raise ValueError("env: the state of a random stream is none")


def _is_numeric(dtype: np.dtype[Any]) -> bool:
    return dtype.kind in "fiub" and dtype.itemsize <= 8 and dtype.isnative


def _owner_of(array: np.ndarray) -> np.ndarray:
    """The array whose memory it is; that one's `base` is another library's, or None."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _has_attributes_only(kind: type) -> bool:
    """Whether an object of the class holds nothing but what `vars` gives."""
    slots = any(each.__dict__.get("__slots__") for each in kind.__mro__)
    return kind.__basicsize__ == _Plain.__basicsize__ and kind.__dictoffset__ != 0 and not slots


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"

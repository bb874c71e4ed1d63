"""A trainer's state on disk: a tree of dicts and lists as JSON, its tensors in a safetensors file. Nothing is pickled.

In the JSON a tensor is {"tensor": its name in the safetensors file}, and a dict is {"dict": [[key, value], …]}, so that
keys keep their type (optimisers number their parameters). Tuples come back as lists, every number exactly. The
safetensors file has a digest of both.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from wmzoo.errors import DamagedFile, WmzooError, about_file, one_line
from wmzoo.storage.tensors import StoredTensor, is_savable, open_tensors, whole, write_tensors

TENSORS, TREE = "resume.safetensors", "resume.json"
FORMAT = 2
OTHER = "take the version that wrote it, which run.json names"


def save_state(folder: Path, state: dict[str, Any]) -> list[Path]:
    """Write `state` into an existing folder; gives the files. TypeError for a value that is none of the above."""
    tensors: dict[str, torch.Tensor] = {}
    text = json.dumps({"format": FORMAT, "state": _pack(state, tensors)})
    (folder / TREE).write_text(text, encoding="utf-8")
    write_tensors(folder / TENSORS, tensors, beside=text)
    return [folder / TENSORS, folder / TREE]


def load_state(folder: Path) -> dict[str, Any]:
    """What `save_state` wrote; WmzooError, in one line, for files that are missing, damaged or of another version."""
    state: dict[str, Any] = read(open_state(folder))
    return state


def open_state(folder: Path) -> dict[str, Any]:
    """What `load_state` gives, with its tensors left in the file: see StoredTensor. Raises the same."""
    file = folder / TREE
    try:
        text = file.read_text(encoding="utf-8")
        document = json.loads(text)
        if document["format"] != FORMAT:
            raise WmzooError(f"{file}: format {document['format']}; this version of wmzoo reads {FORMAT}: {OTHER}")
        state = _unpack(document["state"], open_tensors(folder / TENSORS, beside=text))
    except OSError as error:
        raise WmzooError(about_file(error)) from error
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise DamagedFile(f"{file}: cannot read it ({one_line(error)})") from error
    if not isinstance(state, dict):
        raise DamagedFile(f"{file}: holds no trainer's state")
    return state


def read(value: Any) -> Any:
    """A part of a state with its tensors read."""
    if isinstance(value, dict):
        return {key: read(item) for key, item in value.items()}
    if isinstance(value, list):
        return [read(item) for item in value]
    return whole(value) if isinstance(value, StoredTensor) else value


def has_state(folder: Path) -> bool:
    """Whether a run can go on from this checkpoint."""
    return (folder / TENSORS).is_file() and (folder / TREE).is_file()


def _pack(value: Any, tensors: dict[str, torch.Tensor], name: str = "") -> Any:
    if is_savable(value):
        name = f"{len(tensors)} {name}"  # the number, because keys may hold slashes
        tensors[name] = value
        return {"tensor": name}
    if isinstance(value, dict) and all(type(key) in (str, int) for key in value):
        return {"dict": [[key, _pack(item, tensors, f"{name}/{key}")] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        return [_pack(item, tensors, f"{name}/{index}") for index, item in enumerate(value)]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(
        f"a trainer's state holds tensors, numbers, strings, lists, and dicts by string or number: {name} is {value!r}"
    )


def _unpack(value: Any, tensors: dict[str, StoredTensor]) -> Any:
    if isinstance(value, list):
        return [_unpack(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    if "tensor" in value:
        return tensors[value["tensor"]]
    return {key: _unpack(item, tensors) for key, item in value["dict"]}

"""Chunk files in TD-MPC2's format: whole episodes of one or many tasks, read without running anything they hold.

Row t of an episode has obs_t and the action and reward that led to it; those of row 0 mean nothing.
"""

from __future__ import annotations

import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from wmzoo.errors import DamagedFile, WmzooError, about_file, one_line
from wmzoo.storage.files import sync_file, sync_folder
from wmzoo.storage.torch_file import AskedFor, NotAsWritten, check_torch_file


class Chunk(NamedTuple):
    """E episodes of L steps, observations and actions padded with zeros to the widest task's."""

    obs: Tensor  # float32 [E, L+1, O]
    action: Tensor  # float32 [E, L+1, A]; row 0 is meaningless
    reward: Tensor  # float32 [E, L+1]; row 0 is meaningless
    task: Tensor  # int32 [E, L+1]


class _TensorDict:
    """Stands in for tensordict's class, of which only the attributes are wanted."""

    _tensordict: Any = None

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)


def _make_td(cls: type, state: dict[str, Any]) -> _TensorDict:
    made = _TensorDict()
    made.__setstate__(state)
    return made


OLD = "tensordict.tensordict.TensorDict"  # where the class was until 0.3; later versions find it there too
_ALLOWED: list[Any] = [
    (_TensorDict, OLD),
    (_TensorDict, "tensordict._td.TensorDict"),
    (_make_td, "tensordict._reductions._make_td"),
    (OrderedDict, "tensordict.utils._StringOnlyDict"),
    set,
]


def read_chunk(file: Path) -> Chunk:
    """The chunk's tensors, mapped: their numbers are read from the disk when they are looked at, and cost no memory.

    Raises:
        DamagedFile: it is truncated, of another kind, or asks for anything but the tensors of a chunk.
        WmzooError: it cannot be opened.
    """
    try:
        file.open("rb").close()
        _check_archive(file)
        with safe_globals(_ALLOWED):
            loaded = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    except OSError as error:
        raise WmzooError(about_file(error)) from error
    except DamagedFile:
        raise
    except Exception as error:  # whatever a forged pickle or archive makes of its reader
        raise DamagedFile(f"{file}: {_refusal(file, error)}") from error
    # tensordict's own class, if this process has imported it, keeps its entries under the same name
    entries = getattr(loaded, "_tensordict", None)
    if not isinstance(entries, dict):
        raise DamagedFile(f"{file}: no chunk: it holds no TensorDict but a {type(loaded).__name__}")
    missing = [name for name in Chunk._fields if not isinstance(entries.get(name), Tensor)]
    if missing:
        raise DamagedFile(f"{file}: no chunk: it has no tensor {', '.join(missing)}")
    return _checked(file, Chunk(*(entries[name] for name in Chunk._fields)))


def _check_archive(file: Path) -> None:
    """Before torch sees it: all that it asks for is what a chunk needs, and no more than the file has."""
    if not zipfile.is_zipfile(file):
        with file.open("rb") as opened:
            starts = opened.read(2)
        if starts == b"PK":
            raise DamagedFile(f"{file}: truncated or damaged: the list of what it holds is missing")
        kinds = {b"": "empty", b"\x80": "a pickle, of which nothing was run"}
        kind = kinds.get(starts[:1], "of another kind")
        raise DamagedFile(f"{file}: {kind}; a chunk is an archive that torch.save wrote")
    try:
        check_torch_file(file, [entry[1] for entry in _ALLOWED if isinstance(entry, tuple)])
    except AskedFor as error:
        raise DamagedFile(f"{file}: asks for {error}, which no chunk needs; nothing of it was run") from error
    except NotAsWritten as error:
        raise DamagedFile(f"{file}: {error}") from error


def _refusal(file: Path, error: Exception) -> str:
    """Why torch would not load it."""
    try:
        with safe_globals(_ALLOWED):
            asked = sorted(get_unsafe_globals_in_checkpoint(str(file)))
    except Exception:
        asked = []
    if asked:
        return f"asks for {', '.join(asked[:3])}, which no chunk needs; nothing of it was run"
    return f"damaged, or no chunk ({one_line(error)})"


def _checked(file: Path, chunk: Chunk) -> Chunk:
    def refuse(what: str) -> DamagedFile:
        return DamagedFile(f"{file}: no chunk: {what}")

    for name, tensor in chunk._asdict().items():
        plain = tensor.layout is torch.strided and tensor.device.type == "cpu"
        right = tensor.dtype in ((torch.int32, torch.int64) if name == "task" else (torch.float32,))
        if not (plain and right):
            raise refuse(f"{name} is a tensor of {str(tensor.dtype).removeprefix('torch.')}")
        dims = 3 if name in ("obs", "action") else 2
        if tensor.dim() != dims or tensor.shape[:2] != chunk.obs.shape[:2] or not tensor.numel():
            raise refuse(f"{name} has shape {list(tensor.shape)}, obs {list(chunk.obs.shape)}")
    if chunk.obs.shape[1] < 2:
        raise refuse("its episodes have no step")
    # Strides of 0 would make a small file stand for any number of rows. A task may be one number, seen many times.
    numbers = (chunk.obs, chunk.action, chunk.reward)
    if sum(tensor.numel() * tensor.itemsize for tensor in numbers) > file.stat().st_size:
        raise refuse("it has fewer numbers than it shows: some are one and the same over and over")
    return chunk


class _Pickler(pickle._Pickler):
    """Python's own, because that in C looks every class up where it is said to be."""

    def save_global(self, obj: Any, name: str | None = None) -> None:
        if obj is not _TensorDict:
            super().save_global(obj, name)  # type: ignore[misc]
            return
        module, _, qualname = OLD.rpartition(".")
        self.write(pickle.GLOBAL + f"{module}\n{qualname}\n".encode())  # type: ignore[attr-defined]
        self.memoize(obj)  # type: ignore[attr-defined]


class _PickleModule:
    Pickler = _Pickler


def write_chunk(file: Path, chunk: Chunk) -> None:
    """Write a file that every version of tensordict loads as a TensorDict [E, L+1]; whoever looks sees all or nothing.

    The tensors must be contiguous.
    """
    written = _TensorDict()
    written.__setstate__(
        {
            "_tensordict": chunk._asdict(),
            "_batch_size": chunk.reward.shape,
            "_is_shared": False,
            "_is_memmap": False,
            "_device": None,
            "_is_locked": False,
            "_td_dim_names": None,
            "_lock_id": set(),
            "_locked_tensordicts": [],
        }
    )
    partial = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        with partial.open("wb") as opened:  # a path's name would become a part of the content
            torch.save(written, opened, pickle_module=_PickleModule)
        sync_file(partial)
        os.replace(partial, file)
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(file.parent)

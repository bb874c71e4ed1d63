"""Files of torch.save, gone through before torch sees them: what they would make is counted, and nothing is made.

torch.load(weights_only=True) runs no code of a file, but takes what memory the file asks for: a short pickle can call
`bytearray(2**33)`, unpack to a thousand times its size, or see one number as a million.
"""

from __future__ import annotations

import io
import math
import pickle
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

MOST = 2**20  # bytes of any record but the numbers
LEGACY = 0x1950A86A20F9469CFC6C  # with which a file begins that is no archive, as torch.save wrote them until 1.6
PICKLES = 5  # of such a file, before its numbers
REBUILT = frozenset(f"torch._utils._rebuild_{what}" for what in ("tensor", "tensor_v2", "tensor_v3"))
CALLED = REBUILT | {
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_parameter_with_state",
    "torch._utils._rebuild_meta_tensor_no_storage",
    "torch._utils._rebuild_sparse_tensor",
    "torch._tensor._rebuild_from_type_v2",
    "torch.nn.parameter.Parameter",
    "torch.serialization._get_layout",
    "torch.Size",
    "torch.device",
    "collections.OrderedDict",
    "collections.Counter",
    "_codecs.encode",
    "builtins.set",
    "__builtin__.set",
}


class AskedFor(Exception):
    """What a file calls that is none of a checkpoint's: its full name."""


class NotAsWritten(Exception):
    """What in a file torch.save never writes, in words."""


def check_torch_file(file: Path, stand_ins: Iterable[str] = ()) -> None:
    """Go through a file, an archive or one from before there were archives.

    stand_ins: full names of further classes whose objects it may hold.

    Raises AskedFor, NotAsWritten, OSError, or anything that comes of a damaged pickle.
    """
    size = file.stat().st_size
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            check_archive(archive, size)
            for entry in archive.infolist():
                if entry.filename.partition("/")[2] == "data.pkl":
                    _Survey(io.BytesIO(archive.read(entry)), size, stand_ins).load()
        return
    with file.open("rb") as opened:
        beginning = io.BytesIO(opened.read(MOST))
    if _Survey(beginning, size, stand_ins).load() == LEGACY:
        for _ in range(PICKLES - 1):
            _Survey(beginning, size, stand_ins).load()


def check_archive(archive: zipfile.ZipFile, size: int) -> None:
    """NotAsWritten unless all is stored as it is, once: nothing unpacks to more than the file's `size` in bytes."""
    entries = archive.infolist()
    for entry in entries:
        name = entry.filename.partition("/")[2]
        if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
            raise NotAsWritten(f"{entry.filename} is compressed, which torch.save never does")
        if entry.file_size > MOST and not name.startswith("data/"):
            raise NotAsWritten(f"{entry.filename} has {entry.file_size:,} bytes, too many for a description")
    if sum(entry.file_size for entry in entries) > size:
        raise NotAsWritten("it counts some of its bytes more than once")
    for entry in entries:
        if entry.filename.partition("/")[2] == "byteorder" and archive.read(entry) != sys.byteorder.encode():
            raise NotAsWritten("written on a machine of the other byte order")


class _Storage:
    """Stands for so many numbers of a file."""

    def __init__(self, numbers: int) -> None:
        self.numbers = numbers


class _Made:
    """Stands for what a call would have made; it takes entries and a state, and keeps nothing."""

    def __setitem__(self, key: Any, value: Any) -> None: ...

    def __setstate__(self, state: Any) -> None: ...


class _Name:
    """Stands for something that a pickle names, and perhaps calls."""

    def __init__(self, name: str, allowed: Iterable[str]) -> None:
        self.name, self.allowed = name, allowed

    def __call__(self, *given: Any) -> Any:
        if self.name not in self.allowed:
            raise AskedFor(self.name)
        if self.name in REBUILT:
            _check_within(*given[:4])
            return object()  # and no _Made: torch would let a state resize a tensor
        return _Made()


def _check_within(storage: Any, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> None:
    """NotAsWritten for a tensor that reaches beyond its numbers, for which torch would make room."""
    extent = 1 + sum((count - 1) * stride for count, stride in zip(shape, strides, strict=True))
    reached = offset + extent if math.prod(shape) else 0
    if min([offset, *shape, *strides]) < 0 or reached > storage.numbers:
        raise NotAsWritten(f"a tensor {list(shape)} reaches beyond the {storage.numbers:,} numbers that it is made of")


class _Survey(pickle._Unpickler):
    """Python's own unpickler, because that in C makes room for whatever a pickle announces."""

    dispatch: ClassVar[dict[int, Any]] = dict(pickle._Unpickler.dispatch)

    def __init__(self, file: BinaryIO, size: int, stand_ins: Iterable[str]) -> None:
        super().__init__(file)
        self._size, self._allowed = size, CALLED.union(stand_ins)

    def find_class(self, module: str, name: str) -> Any:
        return _Name(f"{module}.{name}", self._allowed)

    def persistent_load(self, pid: Any) -> Any:
        """("storage", its type, its name, where it was, how many numbers, …)."""
        if not isinstance(pid, tuple):
            return None
        if not 0 <= pid[4] <= self._size:
            raise NotAsWritten(f"it tells of {pid[4]:,} numbers in a file of {self._size:,} bytes")
        return _Storage(pid[4])

    def make(self) -> None:
        """NEWOBJ: an object of a class, made as by a call of it."""
        given, what = self.stack.pop(), self.stack.pop()  # type: ignore[attr-defined]
        self.append(what(*given))  # type: ignore[attr-defined]

    dispatch[pickle.NEWOBJ[0]] = make
    for announced in (pickle.BYTEARRAY8, pickle.NEWOBJ_EX, pickle.INST, pickle.OBJ):  # which torch does not know either
        del dispatch[announced[0]]

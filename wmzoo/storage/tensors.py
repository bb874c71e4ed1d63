"""Tensors on disk: a safetensors file that carries a digest of what it holds. Nothing is pickled, and nothing runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from wmzoo.errors import DamagedFile, WmzooError, about_file, one_line

DIGEST = "sha256"  # its key in the file's metadata
FORMAT = {"format": "pt"}  # what other libraries ask of the metadata before they open a file
PIECE = 2**22  # bytes that are read, written or copied at a time
PICKLES = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")  # torch.save's archive, plain pickles
DTYPES = {
    "C64": torch.complex64,
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U64": torch.uint64,
    "U32": torch.uint32,
    "U16": torch.uint16,
    "U8": torch.uint8,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "BOOL": torch.bool,
}
_NAMES = {dtype: name for name, dtype in DTYPES.items()}


@dataclass(frozen=True)
class StoredTensor:
    """A tensor that lies in a file: nothing is in memory but its shape and dtype until some of it is asked for.

    start: its first byte in the file.
    """

    file: Path
    start: int
    shape: torch.Size
    dtype: torch.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> Tensor:
        """These rows of the first axis, without steps between them."""
        first, last, _ = rows.indices(len(self))
        return self._read(first * self.shape[1:].numel(), torch.Size((max(0, last - first), *self.shape[1:])))

    def read(self) -> Tensor:
        """All of it."""
        return self._read(0, self.shape)

    def _read(self, first: int, shape: torch.Size) -> Tensor:
        numbers = torch.empty(shape, dtype=self.dtype, device="cpu")
        with self.file.open("rb") as opened:
            opened.seek(self.start + first * self.dtype.itemsize)
            if opened.readinto(_view(numbers)) != numbers.nbytes:
                raise DamagedFile(f"{self.file}: has become shorter while it was read")
        return numbers


AnyTensor = Tensor | StoredTensor


def is_savable(tensor: Any) -> bool:
    """Whether it is a tensor that a file can hold: numbers of a plain type, in a dense array."""
    plain = isinstance(tensor, Tensor) and tensor.layout is torch.strided and not tensor.is_meta
    return plain and tensor.dtype in _NAMES and not tensor.is_quantized


def write_tensors(file: Path, tensors: Mapping[str, Tensor], beside: str = "") -> None:
    """Write tensors, a piece at a time; the same tensors make the same bytes.

    They may share memory: each is written whole, under its own name. (safetensors' own writer refuses that, and puts
    the metadata in a random order.)

    beside: the text of a file that belongs to it; the digest is of both.
    """
    names = sorted(tensors, key=lambda name: (-tensors[name].itemsize, name))  # so that all of them are aligned
    header: dict[str, Any] = {"__metadata__": FORMAT | {DIGEST: digest(tensors, beside)}}
    end = 0
    for name in names:
        tensor = tensors[name]
        start, end = end, end + tensor.numel() * tensor.itemsize
        header[name] = {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with file.open("wb") as opened:
        opened.write(len(text).to_bytes(8, "little") + text)
        for name in names:
            for piece in _bytes(tensors[name]):
                opened.write(piece)


def read_tensors(file: Path, beside: str = "") -> dict[str, Tensor]:
    """The tensors, on the CPU. A file from elsewhere, without a digest, is read too.

    Raises:
        DamagedFile: it is not as it was written, or of another kind.
        WmzooError: it cannot be opened.
    """
    return {name: tensor.read() for name, tensor in open_tensors(file, beside).items()}


def open_tensors(file: Path, beside: str = "") -> dict[str, StoredTensor]:
    """What `read_tensors` gives, left in the file. The digest has been checked, a piece at a time."""
    found, saved = read_header(file)
    check_digest(file, found, saved, beside)
    return found


def read_header(file: Path) -> tuple[dict[str, StoredTensor], str | None]:
    """The tensors of a file, left in it and not looked at, and the digest that it carries."""
    try:
        with file.open("rb") as opened:
            size = int.from_bytes(opened.read(8), "little")
            with safe_open(
                file, "pt"
            ):  # which checks that every tensor has bytes of its own, as many as its shape says
                header = json.loads(opened.read(size))
        saved = header.pop("__metadata__", {}).get(DIGEST)
        found = {
            name: StoredTensor(
                file, 8 + size + kind["data_offsets"][0], torch.Size(kind["shape"]), DTYPES[kind["dtype"]]
            )
            for name, kind in header.items()
        }
    except OSError as error:
        raise WmzooError(about_file(error)) from error
    except (SafetensorError, ValueError, LookupError, RuntimeError, TypeError) as error:
        if _starts(file).startswith(PICKLES):
            raise DamagedFile(f"{file}: a pickle, of which nothing was run; wmzoo reads safetensors files") from error
        raise DamagedFile(f"{file}: damaged, or no safetensors file ({one_line(error)})") from error
    return found, saved


def check_digest(file: Path, found: Mapping[str, StoredTensor], saved: str | None, beside: str = "") -> None:
    """DamagedFile for tensors that are not those that were saved; a file without a digest is let pass."""
    if saved not in (None, digest(found, beside)):
        also = ", or the file that belongs to it," if beside else ""
        raise DamagedFile(f"{file}: damaged: what it holds{also} is not what was saved")


def digest(tensors: Mapping[str, AnyTensor], beside: str = "") -> str:
    """The sha256 of names, types, shapes and numbers, and of a text."""
    total = hashlib.sha256(beside.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        total.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        for piece in _bytes(tensor):
            total.update(piece)
    return total.hexdigest()


def row_ranges(tensor: AnyTensor) -> Iterator[slice]:
    """The rows of the first axis, PIECE bytes at a time and one at least."""
    rows = len(tensor)
    each = max(1, PIECE * rows // max(1, tensor.shape.numel() * tensor.dtype.itemsize))
    return (slice(first, min(first + each, rows)) for first in range(0, rows, each))


def whole(tensor: AnyTensor) -> Tensor:
    """The tensor itself, read if it lies in a file."""
    return tensor.read() if isinstance(tensor, StoredTensor) else tensor


def _bytes(tensor: AnyTensor) -> Iterator[memoryview]:
    parts = (tensor[rows] for rows in row_ranges(tensor)) if tensor.ndim else iter([whole(tensor)])
    for part in parts:
        yield _view(part.detach().cpu().contiguous())


def _view(tensor: Tensor) -> memoryview:
    """The bytes of a contiguous tensor; writing to them changes it."""
    view: memoryview = tensor.reshape(-1).view(torch.uint8).numpy().data
    return view


def _starts(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(4)

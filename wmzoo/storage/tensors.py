"""Tensors on disk: a safetensors file that carries a digest of what it holds. Nothing is pickled, and nothing runs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, uint8

from wmzoo.errors import DamagedFile, WmzooError, about_file, one_line

DIGEST = "sha256"  # its key in the file's metadata; a second key would make their order, and the bytes, random
PICKLES = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")  # torch.save's archive, plain pickles


def write_tensors(file: Path, tensors: Mapping[str, Tensor], beside: str = "") -> None:
    """Write tensors, which must be contiguous and share no memory. The same tensors make the same bytes.

    beside: the text of a file that belongs to it; the digest is of both.
    """
    save_file(dict(tensors), file, metadata={DIGEST: digest(tensors, beside)})


def read_tensors(file: Path, beside: str = "") -> dict[str, Tensor]:
    """The tensors, on the CPU. A file from elsewhere, without a digest, is read too.

    Raises:
        DamagedFile: it is not as it was written, or of another kind.
        WmzooError: it cannot be opened.
    """
    try:
        file.open("rb").close()  # safetensors calls every failure "no such file"
        with safe_open(file, "pt") as opened:
            saved = (opened.metadata() or {}).get(DIGEST)
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (it is no dict)
    except OSError as error:
        raise WmzooError(about_file(error)) from error
    except (SafetensorError, ValueError, LookupError, RuntimeError, TypeError) as error:
        if _starts(file).startswith(PICKLES):
            raise DamagedFile(f"{file}: a pickle, of which nothing was run; wmzoo reads safetensors files") from error
        raise DamagedFile(f"{file}: damaged, or no safetensors file ({one_line(error)})") from error
    if saved not in (None, digest(tensors, beside)):
        also = ", or the file that belongs to it," if beside else ""
        raise DamagedFile(f"{file}: damaged: what it holds{also} is not what was saved")
    return tensors


def digest(tensors: Mapping[str, Tensor], beside: str = "") -> str:
    """The sha256 of names, types, shapes and numbers, and of a text."""
    total = hashlib.sha256(beside.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        total.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        total.update(tensor.reshape(-1).view(uint8).numpy().data)
    return total.hexdigest()


def _starts(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(4)

"""Writing files so that a reader, or a crash, sees the old content or the new, never a part; and never through a link.

A folder that is written to may be somebody else's, a run that was sent to be gone on with say: where a file is to be, a
link is replaced by the file, or refused where the file grows, and a folder that is a link is refused.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import shutil
from pathlib import Path
from typing import Any, TextIO

from wmzoo.errors import WmzooError

LONGEST_NAME = 100  # letters; seed numbers and endings come behind it


def write_text(path: Path, text: str) -> None:
    """Replaces `path` by `text` in one step, as UTF-8."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Replaces `path` by `value` as JSON in one step. ValueError for a number that is not finite."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def write_bytes(path: Path, content: bytes) -> None:
    """Replaces `path` by `content` in one step: a temporary file in the same folder, fsync, rename."""
    temporary = temporary_name(path)
    try:
        with open(temporary, "xb") as file:  # x: a file of its own making, no link that waits under the name
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def temporary_name(path: Path) -> Path:
    """A name beside `path` that nobody has: hidden, and ending in .tmp."""
    return path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")


def open_to_append(path: Path) -> TextIO:
    """The file as UTF-8 text to be written behind its end, made if it is not there. OSError (ELOOP) for a link."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    return open(descriptor, "a", encoding="utf-8")


def make_folder(root: Path, *names: str) -> Path:
    """The folder root/names…, made where it is not there. OSError (ELOOP) where one of `names` is a link."""
    root.mkdir(parents=True, exist_ok=True)
    for name in names:
        root /= name
        if root.is_symlink():
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(root))
        root.mkdir(exist_ok=True)
    return root


def remove(path: Path) -> None:
    """Delete a file, a link (what it leads to stays), or a folder with all that it holds; nothing where nothing is."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def checked_name(name: str, what: str) -> str:
    """`name`, which is to be a file's or a folder's. WmzooError, calling it `what`, where it would lead elsewhere."""
    if name[:1] in ("", ".") or not name.isprintable() or any(c in name for c in "/\\") or len(name) > LONGEST_NAME:
        raise WmzooError(
            f"{what} {name!r} becomes a folder's name: 1 to {LONGEST_NAME} letters, without / and \\, and no . in front"
        )
    return name


def sync_file(path: Path) -> None:
    """Forces the content of an already written file to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Forces a folder's entries (names made by create or rename) to the disk, where the system can."""
    if os.name == "posix":
        sync_file(folder)


def file_sha256(file: Path) -> str:
    """The sha256 of a file's content, which is read a piece at a time."""
    total = hashlib.sha256()
    with file.open("rb") as opened:
        while piece := opened.read(2**20):
            total.update(piece)
    return total.hexdigest()

"""The chunk files that a user names, what their tasks are called, and whether they are still what they were."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wmzoo.data.shards import check_name
from wmzoo.data.source import Stamp
from wmzoo.envs.task_sets import SETS, Task, task_set
from wmzoo.errors import WmzooError, about_file, one_line

TASKS = "tasks.json"  # beside chunks that wmzoo collected: names and widths of their tasks, by number, and their origin
MADE = "made"  # in it: the command and the version, which do not tell one collection from another


def find_chunks(paths: Sequence[Path]) -> list[Path]:
    """Each file named, and of each folder its *.pt in the order of their numbers (chunk_2 before chunk_10).

    WmzooError for a path that is not there, a folder without chunks, or a file named twice.
    """
    found: list[Path] = []
    for path in paths:
        files = sorted((file for file in path.glob("*.pt") if file.name[0] != "."), key=_by_number)
        if not path.exists():
            raise WmzooError(f"{path}: no such file or folder")
        if path.is_dir() and not files:
            raise WmzooError(f"{path}: holds no chunks (*.pt)")
        found += files if path.is_dir() else [path]
    real = [file.resolve() for file in found]
    for place, file in enumerate(found):
        if real[place] in real[:place]:
            raise WmzooError(f"{file}: named twice; its episodes would be there twice")
    return found


def _by_number(file: Path) -> list[tuple[int, str]]:
    return [(int(digits or 0), word) for word, digits in re.findall(r"(\D*)(\d*)", file.name)]


def stamp(file: Path) -> Stamp:
    """The file's as it is now, with the sha256 of the archive's directory, which has names, sizes and CRCs.

    It must be an archive (read_chunk has told if not).
    """
    status = file.stat()
    with zipfile.ZipFile(file) as archive:
        listed = [f"{entry.filename} {entry.file_size} {entry.CRC:08x}" for entry in archive.infolist()]
    return Stamp(file.name, status.st_size, status.st_mtime_ns, hashlib.sha256("\n".join(listed).encode()).hexdigest())


def parse_tasks(text: str) -> tuple[Task, ...]:
    """What `--tasks` says: mt30, mt80, or names of MT80's tasks with commas between them."""
    return task_set(text if text.lower() in SETS else [name.strip() for name in text.split(",")])


def read_collection(folder: Path) -> dict[str, Any]:
    """What `wmzoo data collect` noted of the chunks in `folder`; nothing where it noted nothing."""
    file = folder / TASKS
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(facts, dict):
            raise ValueError("no mapping")
        return facts
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise WmzooError(about_file(error)) from error
    except (ValueError, TypeError, RecursionError) as error:
        raise _strange(folder, error) from error


def read_tasks(folder: Path) -> tuple[Task, ...] | None:
    """The tasks of the chunks in `folder` by number, as `wmzoo data collect` noted them; None where nobody did."""
    facts = read_collection(folder)
    try:
        if not facts:
            return None
        return tuple(Task(check_name(t["name"]), int(t["obs_dim"]), int(t["act_dim"])) for t in facts["tasks"])
    except (ValueError, KeyError, TypeError) as error:
        raise _strange(folder, error) from error


def _strange(folder: Path, error: Exception) -> WmzooError:
    return WmzooError(f"{folder / TASKS}: not as `wmzoo data collect` writes it ({one_line(error)}); remove it")

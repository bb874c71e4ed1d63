"""Other data become shards, a block of episodes at a time, in memory that does not grow with their size.

How far it is, is on the disk: every block has its place beforehand, and is noted only when it is safe. After an
interruption, kill -9 and a power cut included, the same call goes on and ends with the same bytes.
"""

from __future__ import annotations

import json
import logging
import math
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from wmzoo.data.shards import ARRAYS, FORMAT, INDEX, Index, TaskIndex, read_index
from wmzoo.data.source import Part, Source, open_source
from wmzoo.envs.task_sets import Task
from wmzoo.errors import DamagedFile, WmzooError
from wmzoo.storage.files import sync_folder, write_text
from wmzoo.storage.lock import NAME as LOCK
from wmzoo.storage.lock import FolderLock

PROGRESS = ".converting.json"
FOUND = ("nonfinite", "terminated")  # numbers of episodes, known when these are read
OF = "files or data sets"
Say = Callable[[int, int], None]  # episodes done, and in all
ByTask = Mapping[str, Sequence[int]]  # numbers of episodes, by that of their task
log = logging.getLogger("wmzoo")


def convert(
    names: Sequence[str | Path],
    folder: Path,
    tasks: Sequence[Task] | None = None,
    say: Say = lambda done, total: None,
    kind: str = "tdmpc2",
    made: Mapping[str, Any] | None = None,
    **options: Any,
) -> Index:
    """Convert what `names` means to the source `kind` into `folder`, or go on with it; done already, it does nothing.

    tasks: of chunks by number, where no tasks.json lies beside them. made: what the index tells of how it came to be.
    options: of this kind of source.

    Raises:
        DamagedFile: a file cannot be read, does not fit its tasks, or has changed since the conversion began.
        WmzooError: what the source cannot convert, a disk too small, a folder in use or of something else.
    """
    source = open_source(kind, [str(name) for name in names], tasks, **options)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FolderLock(folder)
    try:
        if not _is_done(source.index, folder):
            for note in source.notes:
                log.warning(note)
            notes = {"notes": [*source.notes]} if source.notes else {}
            _write(source, folder, say, {**(made or {}), **source.origin, **notes})
        return read_index(folder)
    finally:
        lock.release()


def _is_done(planned: Index, folder: Path) -> bool:
    if not (folder / INDEX).exists():
        return False
    if _with_found(read_index(folder), {}, {}) != planned:
        raise WmzooError(f"{folder}: holds a data set made of other {OF}; choose another folder")
    return True


def _with_found(index: Index, nonfinite: ByTask, terminated: ByTask) -> Index:
    """The index with what is known of episodes when they have been read."""
    tasks = []
    for task in index.tasks:
        number = str(task.task)
        found = tuple(nonfinite.get(number, ())), tuple(terminated.get(number, ()))
        tasks.append(replace(task, nonfinite=found[0], terminated=found[1]))
    return replace(index, tasks=tuple(tasks))


def _write(source: Source, folder: Path, say: Say, made: Mapping[str, Any]) -> None:
    progress = _progress(source, folder)
    _allocate(source.index, folder, begun=progress["blocks"] > 0)
    indices = {task.task: task for task in source.index.tasks}
    episodes = dict.fromkeys(indices, 0)  # of each task, behind which the next block's lie
    rows = dict.fromkeys(indices, 0)
    done, total = 0, sum(len(task.lengths) for task in source.index.tasks)
    for number, block in enumerate(source.blocks(), start=1):
        for part in block:
            if number > progress["blocks"]:
                found = _write_part(part, indices[part.task], folder, rows[part.task])
                for name, numbers in zip(FOUND, found, strict=True):
                    so_far = progress[name].setdefault(str(part.task), [])
                    so_far.extend((episodes[part.task] + numbers).tolist())
            episodes[part.task] += part.count
            rows[part.task] += part.rows
            done += part.count
        if number > progress["blocks"]:
            source.check_unchanged(folder)
            progress["blocks"] = number
            write_text(folder / PROGRESS, json.dumps(progress))
        say(done, total)
    index = _with_found(source.index, *(progress[name] for name in FOUND))
    write_text(folder / INDEX, replace(index, made=made).text())
    (folder / PROGRESS).unlink()


def _progress(source: Source, folder: Path) -> dict[str, Any]:
    """The note of how far a former call came, or that of a new beginning."""
    begun = {
        "format": FORMAT,
        "blocks": sum(1 for _ in source.blocks()),
        "index": json.loads(source.index.text()),
        "files": [asdict(stamp) for stamp in source.stamps.values()],
    }
    file = folder / PROGRESS
    if file.exists():
        try:
            progress = json.loads(file.read_text(encoding="utf-8"))
            before = progress["begun"]
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedFile(f"{file}: not as it was written; remove {folder} and convert again") from error
        if before != begun:
            raise WmzooError(f"{folder}: {_difference(before, begun)}; remove it, and convert again")
        return dict(progress)
    others = sorted(path.name for path in folder.iterdir() if path.name != LOCK)
    if others:
        raise WmzooError(f"{folder}: holds {others[0]}, which is not of a conversion; choose another folder")
    progress = {"begun": begun, "blocks": 0, **{name: {} for name in FOUND}}
    write_text(file, json.dumps(progress))
    return progress


def _difference(before: dict[str, Any], now: dict[str, Any]) -> str:
    """In what an unfinished conversion was begun otherwise."""
    for was, file in zip(before.get("files", ()), now["files"], strict=False):
        if was["file"] == file["file"] and was != file:
            return f"{file['file']} has changed since its conversion began"
    if before.get("files") != now["files"]:
        return f"its conversion was begun with other {OF}, and has not ended"
    return "its conversion was begun with other --tasks or --share, or another version, and has not ended"


def _allocate(index: Index, folder: Path, begun: bool) -> None:
    """Files of their final sizes, empty where nothing is written yet. Once begun, they are all there."""
    files = {task.file(folder, array): 4 * math.prod(task.shape(array)) for task in index.tasks for array in ARRAYS}
    there = {file: file.stat() for file in files if file.exists()}
    for file, size in files.items():
        if begun and (file not in there or there[file].st_size != size):
            raise DamagedFile(f"{file}: is not as it was left; remove {folder}, and convert again")
    needed = sum(files.values()) - sum(512 * status.st_blocks for status in there.values())
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise WmzooError(f"{folder}: {needed / 1e9:,.1f} GB are needed there and {free / 1e9:,.1f} free")
    for file, size in files.items():
        file.parent.mkdir(exist_ok=True)
        with file.open("ab") as opened:
            opened.truncate(size)
        sync_folder(file.parent)
    sync_folder(folder)


def _write_part(part: Part, task: TaskIndex, folder: Path, row: int) -> tuple[np.ndarray, np.ndarray]:
    """Put episodes from the task's `row` on; gives the numbers, within the part, of those that are FOUND."""
    read = list(part.read())
    for name in ARRAYS:
        with task.file(folder, name).open("r+b") as file:
            file.seek(4 * row * math.prod(task.shape(name)[1:]))
            for episodes in read:
                array = episodes.obs if name == "obs" else _with_last(getattr(episodes, name))
                file.write(np.ascontiguousarray(array, "<f4").data)
            file.flush()
            os.fsync(file.fileno())
    finite = np.concatenate([episodes.finite().all(1) for episodes in read])
    return np.flatnonzero(~finite), np.flatnonzero(np.concatenate([episodes.ended() for episodes in read]))


def _with_last(steps: np.ndarray) -> np.ndarray:
    """[n, L, …] -> [n, L+1, …], the last row zeros."""
    rows = np.zeros((len(steps), steps.shape[1] + 1, *steps.shape[2:]), np.float32)
    rows[:, :-1] = steps
    return rows

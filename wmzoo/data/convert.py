"""Chunks become shards, a block of episodes at a time, in memory that does not grow with their size.

How far it is, is on the disk: every block has its place beforehand, and is noted only when it is safe. After an
interruption, kill -9 and a power cut included, the same call goes on and ends with the same bytes.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from wmzoo.data.episodes import Episodes, blocks, of_chunk
from wmzoo.data.plan import Plan, Source, make_plan
from wmzoo.data.shards import ARRAYS, FORMAT, INDEX, Index, TaskIndex, read_index
from wmzoo.envs.task_sets import Task
from wmzoo.errors import DamagedFile, WmzooError
from wmzoo.storage.files import sync_folder, write_text
from wmzoo.storage.lock import NAME as LOCK
from wmzoo.storage.lock import FolderLock

PROGRESS = ".converting.json"
Say = Callable[[int, int], None]  # episodes done, and in all


def convert(
    paths: Sequence[Path], folder: Path, tasks: Sequence[Task] | None = None, say: Say = lambda done, total: None
) -> Index:
    """Convert the chunks of files and folders into `folder`, or go on with it; done already, it does nothing.

    tasks: of the chunks by number, where no tasks.json lies beside them.

    Raises:
        DamagedFile: a chunk cannot be read, does not fit its tasks, or has changed since the conversion began.
        WmzooError: lists of tasks that contradict each other, a disk too small, a folder in use or of something else.
    """
    plan = make_plan(paths, tasks)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FolderLock(folder)
    try:
        if not _is_done(plan.index, folder):
            _write(plan, folder, say)
        return read_index(folder)
    finally:
        lock.release()


def _is_done(planned: Index, folder: Path) -> bool:
    if not (folder / INDEX).exists():
        return False
    index = read_index(folder)
    nonfinite = {task.task: task.nonfinite for task in index.tasks}
    if index != _with_nonfinite(planned, nonfinite):
        raise WmzooError(f"{folder}: holds a data set made of other chunks; choose another folder")
    return True


def _with_nonfinite(index: Index, nonfinite: dict[int, Any]) -> Index:
    tasks = (replace(task, nonfinite=tuple(nonfinite.get(task.task, ()))) for task in index.tasks)
    return replace(index, tasks=tuple(tasks))


def _write(plan: Plan, folder: Path, say: Say) -> None:
    progress = _progress(plan, folder)
    _allocate(plan.index, folder, begun=progress["blocks"] > 0)
    indices = {task.task: task for task in plan.index.tasks}
    episodes = dict.fromkeys(indices, 0)  # of each task, behind which the next block's lie
    rows = dict.fromkeys(indices, 0)
    number, done, total = 0, 0, sum(len(source.numbers) for source in plan.sources)
    for source in plan.sources:
        for block in blocks(source.chunk):
            tasks = source.numbers[block.start : block.stop]
            present = np.unique(tasks).tolist()
            if number >= progress["blocks"]:
                for task in present:
                    chosen = block.start + np.flatnonzero(tasks == task)
                    bad = _write_episodes(source, chosen, indices[task], folder, rows[task])
                    progress["nonfinite"].setdefault(str(task), []).extend((episodes[task] + bad).tolist())
                _check_unchanged(source, folder)
                progress["blocks"] = number + 1
                write_text(folder / PROGRESS, json.dumps(progress))
            for task in present:
                count = int((tasks == task).sum())
                episodes[task] += count
                rows[task] += count * (source.steps + 1)
            number, done = number + 1, done + len(block)
            say(done, total)
    nonfinite = {int(task): numbers for task, numbers in progress["nonfinite"].items()}
    write_text(folder / INDEX, _with_nonfinite(plan.index, nonfinite).text())
    (folder / PROGRESS).unlink()


def _progress(plan: Plan, folder: Path) -> dict[str, Any]:
    """The note of how far a former call came, or that of a new beginning."""
    begun = {
        "format": FORMAT,
        "blocks": [len(blocks(source.chunk)) for source in plan.sources],
        "tasks": [list(task) for task in plan.tasks],
        "sources": [asdict(source.stamp) for source in plan.sources],
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
    progress = {"begun": begun, "blocks": 0, "nonfinite": {}}
    write_text(file, json.dumps(progress))
    return progress


def _difference(before: dict[str, Any], now: dict[str, Any]) -> str:
    """In what an unfinished conversion was begun otherwise."""
    for was, source in zip(before["sources"], now["sources"], strict=False):
        if was["file"] == source["file"] and was != source:
            return f"{source['file']} has changed since its conversion began"
    if before["sources"] != now["sources"]:
        return "its conversion was begun with other chunks, and has not ended"
    return "its conversion was begun with other --tasks, or another version, and has not ended"


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


def _write_episodes(source: Source, chosen: np.ndarray, task: TaskIndex, folder: Path, row: int) -> np.ndarray:
    """Put a source's episodes from the task's `row` on; gives which of them hold numbers that are not finite."""
    taken = of_chunk(source.chunk, chosen)
    beyond = taken.beyond(task.obs_dim).any(1)
    if beyond.any():
        raise DamagedFile(
            f"{source.file}: episode {chosen[beyond.argmax()]} of {task.name} has observations of more than its "
            f"{task.obs_dim} numbers: are these its tasks?"
        )
    own = taken.cut(task.obs_dim, task.act_dim)
    arrays = Episodes(own.obs, _with_last(own.action), _with_last(own.reward))
    for name, array in arrays._asdict().items():
        with task.file(folder, name).open("r+b") as file:
            file.seek(4 * row * math.prod(task.shape(name)[1:]))
            file.write(np.ascontiguousarray(array, "<f4").data)
            file.flush()
            os.fsync(file.fileno())
    return np.flatnonzero(~own.finite().all(1))


def _with_last(steps: np.ndarray) -> np.ndarray:
    """[n, L, …] -> [n, L+1, …], the last row zeros."""
    rows = np.zeros((len(steps), steps.shape[1] + 1, *steps.shape[2:]), np.float32)
    rows[:, :-1] = steps
    return rows


def _check_unchanged(source: Source, folder: Path) -> None:
    now = source.file.stat()
    if (now.st_size, now.st_mtime_ns) != (source.stamp.bytes, source.stamp.modified):
        raise DamagedFile(f"{source.file}: has changed during its conversion; remove {folder}, and convert again")

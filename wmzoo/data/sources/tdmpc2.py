"""Chunk files in TD-MPC2's format, downloaded or collected here: what will be written of them is told by every
episode's task."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from wmzoo.data.chunk_files import TASKS, find_chunks, read_collection, read_tasks, stamp
from wmzoo.data.chunks import Chunk, read_chunk
from wmzoo.data.episodes import Episodes, blocks, of_chunk
from wmzoo.data.shards import Index, TaskIndex, merged
from wmzoo.data.source import Part, Source, Stamp
from wmzoo.envs.task_sets import Task
from wmzoo.errors import DamagedFile, WmzooError

MOST_TASKS = 10_000  # of chunks without a list of tasks


@dataclass(frozen=True)
class ChunkFile:
    """One file.

    Attributes:
        listed: its tasks by the numbers that it has for them; None where nobody has named them.
        numbers: int64 [E], the task of each episode.
    """

    file: Path
    chunk: Chunk
    stamp: Stamp
    listed: tuple[Task, ...] | None
    numbers: np.ndarray

    @property
    def steps(self) -> int:
        """L, of every episode in it."""
        return self.chunk.obs.shape[1] - 1

    def read(self, chosen: np.ndarray, task: TaskIndex) -> list[Episodes]:
        """Episodes of `task` by their ascending numbers, without padding."""
        taken = of_chunk(self.chunk, chosen)
        beyond = taken.beyond(task.obs_dim).any(1)
        if beyond.any():
            raise DamagedFile(
                f"{self.file}: episode {chosen[beyond.argmax()]} of {task.name} has observations of more than its "
                f"{task.obs_dim} numbers: are these its tasks?"
            )
        return [taken.cut(task.obs_dim, task.act_dim)]


class Chunks(Source):
    """Files whose `numbers` are those of the data set."""

    def __init__(self, files: Sequence[ChunkFile], tasks: Sequence[Task]) -> None:
        self.files, self.index = files, _index(files, tasks)
        self.stamps = {file.file: file.stamp for file in files}
        told = [read_collection(folder) for folder in dict.fromkeys(file.file.parent for file in files)]
        self.origin = {"collected": facts} if (facts := [each for each in told if each]) else {}

    def blocks(self) -> Iterator[list[Part]]:
        indices = {task.task: task for task in self.index.tasks}
        for file in self.files:
            for block in blocks(file.chunk):
                tasks = file.numbers[block.start : block.stop]
                parts = []
                for task in np.unique(tasks).tolist():
                    chosen = block.start + np.flatnonzero(tasks == task)
                    read = partial(file.read, chosen, indices[task])
                    parts.append(Part(task, [(len(chosen), file.steps)], read))
                yield parts


def open_source(names: Sequence[str | Path], tasks: Sequence[Task] | None = None) -> Chunks:
    """Open every chunk of files and folders, and look at the task of every episode.

    tasks: of the chunks by number, where no tasks.json lies beside them. Without either they are called task-0, task-1
    and so on, and keep the width of the chunk.

    Raises:
        DamagedFile: a chunk cannot be read, or does not fit its tasks.
        WmzooError: the chunks' lists of tasks contradict each other.
    """
    opened = [open_chunk(file, tasks) for file in find_chunks([Path(name) for name in names])]
    together = _together(opened)
    places = {task.name: number for number, task in enumerate(together)}
    files = []
    for file in opened:
        numbers = np.array([places[task.name] for task in file.listed or together])[file.numbers]
        files.append(ChunkFile(file.file, file.chunk, file.stamp, file.listed, numbers))
    return Chunks(files, together)


def open_chunk(file: Path, tasks: Sequence[Task] | None = None) -> ChunkFile:
    """A chunk and its tasks, checked against each other. Raises as `open_source` does."""
    chunk = read_chunk(file)
    listed = read_tasks(file.parent) or (None if tasks is None else tuple(tasks))
    numbers = np.concatenate([_numbers(file, chunk, block) for block in blocks(chunk)])
    least, most = int(numbers.min()), int(numbers.max())
    if least < 0 or most >= (len(listed) if listed else MOST_TASKS):
        number = least if least < 0 else most
        there = f"the list of tasks has {len(listed)}" if listed else f"more than {MOST_TASKS} are too many"
        raise DamagedFile(f"{file}: has an episode of task {number}; {there}")
    if listed:
        _check_widths(file, chunk, [listed[number] for number in np.unique(numbers)])
    return ChunkFile(file, chunk, stamp(file), listed, numbers)


def _numbers(file: Path, chunk: Chunk, block: range) -> np.ndarray:
    tasks = chunk.task[block.start : block.stop].numpy()
    mixed = np.flatnonzero((tasks != tasks[:, :1]).any(1))
    if len(mixed):
        raise DamagedFile(f"{file}: episode {block.start + mixed[0]} changes its task on the way")
    first: np.ndarray = tasks[:, 0].astype(np.int64)
    return first


def _check_widths(file: Path, chunk: Chunk, tasks: list[Task]) -> None:
    for task in tasks:
        for what, width, there in (
            ("observations", task.obs_dim, chunk.obs.shape[2]),
            ("actions", task.act_dim, chunk.action.shape[2]),
        ):
            if width > there:
                raise DamagedFile(f"{file}: {task.name} has {what} of {width} numbers, the chunk only {there}")


def _together(files: list[ChunkFile]) -> list[Task]:
    """One list of tasks for all: the first file's, and behind it what later ones add."""
    unnamed = [file for file in files if file.listed is None]
    if unnamed and len(unnamed) < len(files):
        raise WmzooError(f"{unnamed[0].file}: its tasks have no names ({TASKS}), other chunks' have: give --tasks")
    if unnamed:
        widths = {(file.chunk.obs.shape[2], file.chunk.action.shape[2]) for file in files}
        if len(widths) > 1:
            raise WmzooError(f"the chunks have different widths, {sorted(widths)}: give --tasks")
        count = 1 + max(int(file.numbers.max()) for file in files)
        return [Task(f"task-{number}", *min(widths)) for number in range(count)]
    together: dict[str, Task] = {}
    for file in files:
        for task in file.listed or ():
            if together.setdefault(task.name, task) != task:
                raise WmzooError(f"{file.file}: {task.name} has other widths there than in the chunks before")
    return list(together.values())


def _index(files: Sequence[ChunkFile], tasks: Sequence[Task]) -> Index:
    found = []
    for number, task in enumerate(tasks):
        counts = [(int((file.numbers == number).sum()), file.steps) for file in files]
        if episodes := merged(counts):
            found.append(TaskIndex(number, task.name, task.obs_dim, task.act_dim, episodes))
    facts = tuple({**asdict(file.stamp), "episodes": len(file.numbers)} for file in files)
    for fact in facts:
        del fact["modified"]  # a copy is the same source
    widths = max(task.obs_dim for task in tasks), max(task.act_dim for task in tasks)
    return Index(*widths, len(tasks), tuple(found), facts)

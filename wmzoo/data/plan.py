"""What a conversion will write and where, known before its first byte: from the tasks of every episode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from wmzoo.data.chunks import Chunk, read_chunk
from wmzoo.data.episodes import blocks
from wmzoo.data.shards import Index, TaskIndex
from wmzoo.data.sources import TASKS, Stamp, find_chunks, read_tasks, stamp
from wmzoo.envs.task_sets import Task
from wmzoo.errors import DamagedFile, WmzooError

MOST_TASKS = 10_000  # of chunks without a list of tasks


@dataclass(frozen=True)
class Source:
    """One chunk file.

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


@dataclass(frozen=True)
class Plan:
    """Sources whose `numbers` are those of the data set, its `tasks` by number, and the index as it will be."""

    sources: list[Source]
    tasks: list[Task]
    index: Index


def make_plan(paths: Sequence[Path], tasks: Sequence[Task] | None = None) -> Plan:
    """Open every chunk of files and folders, and look at the task of every episode.

    tasks: of the chunks by number, where no tasks.json lies beside them. Without either they are called task-0, task-1
    and so on, and keep the width of the chunk.

    Raises:
        DamagedFile: a chunk cannot be read, or does not fit its tasks.
        WmzooError: the chunks' lists of tasks contradict each other.
    """
    opened = [open_source(file, tasks) for file in find_chunks(paths)]
    together = _together(opened)
    places = {task.name: number for number, task in enumerate(together)}
    sources = []
    for source in opened:
        numbers = np.array([places[task.name] for task in source.listed or together])[source.numbers]
        sources.append(Source(source.file, source.chunk, source.stamp, source.listed, numbers))
    return Plan(sources, together, _index(sources, together))


def open_source(file: Path, tasks: Sequence[Task] | None = None) -> Source:
    """A chunk and its tasks, checked against each other. Raises as `make_plan` does."""
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
    return Source(file, chunk, stamp(file), listed, numbers)


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


def _together(sources: list[Source]) -> list[Task]:
    """One list of tasks for all: the first source's, and behind it what later ones add."""
    unnamed = [source for source in sources if source.listed is None]
    if unnamed and len(unnamed) < len(sources):
        raise WmzooError(f"{unnamed[0].file}: its tasks have no names ({TASKS}), other chunks' have: give --tasks")
    if unnamed:
        widths = {(s.chunk.obs.shape[2], s.chunk.action.shape[2]) for s in sources}
        if len(widths) > 1:
            raise WmzooError(f"the chunks have different widths, {sorted(widths)}: give --tasks")
        count = 1 + max(int(source.numbers.max()) for source in sources)
        return [Task(f"task-{number}", *min(widths)) for number in range(count)]
    together: dict[str, Task] = {}
    for source in sources:
        for task in source.listed or ():
            if together.setdefault(task.name, task) != task:
                raise WmzooError(f"{source.file}: {task.name} has other widths there than in the chunks before")
    return list(together.values())


def _index(sources: list[Source], tasks: list[Task]) -> Index:
    found = []
    for number, task in enumerate(tasks):
        counts = [(int((source.numbers == number).sum()), source.steps) for source in sources]
        merged = groupby(((n, steps) for n, steps in counts if n), key=lambda pair: pair[1])
        episodes = tuple((sum(n for n, _ in pairs), steps) for steps, pairs in merged)
        if episodes:
            found.append(TaskIndex(number, task.name, task.obs_dim, task.act_dim, episodes))
    facts = tuple({**asdict(source.stamp), "episodes": len(source.numbers)} for source in sources)
    for fact in facts:
        del fact["modified"]  # a copy is the same source
    widths = max(task.obs_dim for task in tasks), max(task.act_dim for task in tasks)
    return Index(*widths, len(tasks), tuple(found), facts)

"""What a data set is made of: a source says beforehand what it will be, and is then read a block at a time.

A source is a module of data/sources/, `wmzoo data convert --from` takes its name: nothing else has to know of it.
"""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from wmzoo.data import sources
from wmzoo.data.episodes import Episodes, grouped
from wmzoo.data.shards import Index, TaskIndex, merged
from wmzoo.envs.task_sets import Task
from wmzoo.errors import DamagedFile, WmzooError, unknown


@dataclass(frozen=True)
class Stamp:
    """By what a file is known again. sha256: of what tells its content apart, which need not be all of it."""

    file: str
    bytes: int
    modified: int  # nanoseconds
    sha256: str


@dataclass(frozen=True)
class Part:
    """Some episodes of one task, one behind the other in the data set.

    task: its number. episodes: in order, (how many, steps of each). read: gives them, grouped by length, in order.
    """

    task: int
    episodes: Sequence[tuple[int, int]]
    read: Callable[[], Iterable[Episodes]]

    @property
    def count(self) -> int:
        return sum(count for count, _ in self.episodes)

    @property
    def rows(self) -> int:
        """Of the data set's arrays: a step each, and one more per episode."""
        return sum(count * (steps + 1) for count, steps in self.episodes)


class Source(ABC):
    """Whole episodes of one or many tasks.

    Attributes:
        index: of the data set that it will be, but for what is only found while the episodes are read.
        stamps: of every file that is read, as it was when the source was opened.
        notes: what is changed on the way, and should be known, a line each.
        origin: how the episodes came to be, where the source knows more than the facts of its files.
    """

    index: Index
    stamps: Mapping[Path, Stamp]
    notes: Sequence[str] = ()
    origin: Mapping[str, Any] = {}

    @abstractmethod
    def blocks(self) -> Iterator[Sequence[Part]]:
        """All episodes, the same way every time, in blocks of about BLOCK bytes. Only a Part's `read` reads them.

        `read` raises DamagedFile for episodes that are not as the index says.
        """

    def check_unchanged(self, folder: Path) -> None:
        """DamagedFile for a file that is not what it was when its conversion into `folder` began."""
        for file, stamp in self.stamps.items():
            now = file.stat()
            if (now.st_size, now.st_mtime_ns) != (stamp.bytes, stamp.modified):
                raise DamagedFile(f"{file}: has changed during its conversion; remove {folder}, and convert again")


class Recording(Protocol):
    """Episodes of one task, in order, which can be read by their numbers."""

    @property
    def task(self) -> Task:
        """What was played."""

    @property
    def lengths(self) -> Sequence[int]:
        """Steps of each episode."""

    @property
    def shares(self) -> Sequence[float]:
        """Of each episode, how much of the training it is from was over when it ended, from 0 to 1; none where it is
        from no training."""

    @property
    def stamps(self) -> Mapping[Path, Stamp]:
        """Of its files."""

    @property
    def facts(self) -> dict[str, Any]:
        """Of it, for the index."""

    def notes(self) -> Iterable[str]:
        """What of it is not in the rows as it was."""

    def read(self, numbers: Sequence[int]) -> Iterable[Episodes]:
        """Episodes by their numbers, one after the other; DamagedFile for one that is not as its length says."""


class Recordings(Source):
    """Some of them, to be one data set: those of one task together."""

    def __init__(self, found: Sequence[Recording]) -> None:
        self.found, self.tasks = found, [*dict.fromkeys(one.task for one in found)]
        self.notes = [note for one in found for note in one.notes()]
        self.stamps = {file: stamp for one in found for file, stamp in one.stamps.items()}
        indices = []
        for number, task in enumerate(self.tasks):
            lengths = [length for one in found if one.task == task for length in one.lengths]
            shares = tuple(share for one in found if one.task == task for share in one.shares)
            indices.append(TaskIndex(number, *task, merged((1, length) for length in lengths), shares=shares))
        widths = max(task.obs_dim for task in self.tasks), max(task.act_dim for task in self.tasks)
        self.index = Index(*widths, len(indices), tuple(indices), tuple(one.facts for one in found))

    def blocks(self) -> Iterator[list[Part]]:
        for one in self.found:
            width = one.task.obs_dim + one.task.act_dim + 1
            for block in grouped([length + 1 for length in one.lengths], width):
                episodes = merged((1, one.lengths[number]) for number in block)
                yield [Part(self.tasks.index(one.task), episodes, partial(one.read, block))]


def open_source(kind: str, names: Sequence[str], tasks: Sequence[Task] | None = None, **options: Any) -> Source:
    """The source `kind` of what `names` means to it: files, folders, data sets.

    tasks: by number, for a source that does not tell itself which they are. options: of this kind of source.

    WmzooError for an unknown kind, and for whatever cannot be converted: before anything is written.
    """
    known = sorted(module.name for module in pkgutil.iter_modules(sources.__path__))
    if kind not in known:
        raise WmzooError(unknown("source", kind, known))
    opened: Source = importlib.import_module(f"{sources.__name__}.{kind}").open_source(names, tasks, **options)
    return opened

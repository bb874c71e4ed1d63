"""What is in a folder of chunks or of shards, task by task, and what is wrong with it. Every number is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from wmzoo.data.chunk_files import find_chunks, read_collection
from wmzoo.data.episodes import Episodes, blocks, of_chunk, of_shard
from wmzoo.data.shards import INDEX, read_index
from wmzoo.data.sources.tdmpc2 import open_chunk
from wmzoo.envs.task_sets import Task
from wmzoo.errors import WmzooError


class Sample:
    """Evenly spaced rows of what passes by, SIZE of them or up to twice as many: every n-th, n a power of 2."""

    SIZE = 4096

    def __init__(self) -> None:
        self._kept: list[np.ndarray] = []
        self._every, self._passed = 1, 0

    def add(self, rows: np.ndarray) -> None:
        """Some more rows [n, W]."""
        self._kept.append(rows[-self._passed % self._every :: self._every].copy())
        self._passed += len(rows)
        while sum(map(len, self._kept)) > 2 * self.SIZE:
            self._kept, self._every = [self.rows()[::2]], 2 * self._every

    def rows(self) -> np.ndarray:
        return np.concatenate(self._kept)


@dataclass
class Summary:
    """One task.

    Attributes:
        rows: steps, those rows of its episodes that have an action and a reward.
        reward_sum: of the finite rewards, added in float64.
        nonfinite_rows: with a NaN or an infinity in the observation, the action or the reward. Row 0's action and
            reward mean nothing, and are not looked at.
        wide_rows: with an observation that has anything beyond the task's width.
        nonfinite: numbers of the episodes with such rows.
        terminated: how many episodes the task itself is known to have ended.
        returns: of each episode, the sum of its finite rewards.
        seen: some finite observations, evenly spaced.
        shares: of each episode, how much of the training that it is from was over when it ended; empty where they are
            from no training.
    """

    task: int
    name: str
    episodes: int = 0
    rows: int = 0
    reward_sum: float = 0.0
    nonfinite_rows: int = 0
    wide_rows: int = 0
    nonfinite: list[int] = field(default_factory=list, repr=False)
    terminated: int = 0
    returns: list[float] = field(default_factory=list, repr=False)
    seen: Sample = field(default_factory=Sample, repr=False)
    shares: tuple[float, ...] = field(default=(), repr=False)

    @property
    def reward_mean(self) -> float | None:
        """Per row; None where there is none."""
        return self.reward_sum / self.rows if self.rows else None

    def add(self, episodes: Episodes, obs_dim: int, act_dim: int) -> None:
        """Take in some more episodes, which may be padded."""
        own = episodes.cut(obs_dim, act_dim)
        finite = own.finite()
        self.nonfinite += (self.episodes + np.flatnonzero(~finite.all(1))).tolist()
        self.nonfinite_rows += int((~finite).sum())
        self.wide_rows += int(episodes.beyond(obs_dim).sum())
        self.episodes += len(own.reward)
        self.rows += own.reward.size
        rewards = own.reward.astype(np.float64)
        self.reward_sum += float(rewards[np.isfinite(rewards)].sum())
        self.returns += np.where(np.isfinite(rewards), rewards, 0.0).sum(1).tolist()
        self.seen.add(own.obs[np.isfinite(own.obs).all(2)])

    def row(self) -> dict[str, int | float | str | None]:
        """What is printed, by name."""
        names = ("task", "name", "episodes", "rows", "reward_sum", "reward_mean", "nonfinite_rows", "wide_rows")
        return {name: getattr(self, name) for name in names}

    def facts(self) -> dict[str, Any]:
        """What a program reads, by name."""
        return self.row() | {"shares": [min(self.shares), max(self.shares)] if self.shares else None}

    def problems(self) -> list[str]:
        """What is wrong with it, a line each."""
        said = []
        if self.nonfinite_rows:
            said.append(
                f"{self.name}: {self.nonfinite_rows:,} rows in {len(self.nonfinite):,} episodes are not finite; "
                f"these episodes are never sampled"
            )
        if self.wide_rows:
            said.append(f"{self.name}: {self.wide_rows:,} rows have observations beyond its width: the right tasks?")
        return said


@dataclass(frozen=True)
class Inspection:
    """kind: chunks or shards.  problems: lines that name the file or task.  made: how the data came to be, as far as
    they tell."""

    kind: str
    tasks: list[Summary]
    problems: list[str]
    made: Mapping[str, Any] = field(default_factory=dict)


def inspect(folder: Path, tasks: Sequence[Task] | None = None) -> Inspection:
    """Look through a folder of chunks, or a data set made of them. A file that cannot be read is one of the problems.

    tasks: of chunks by number, where no tasks.json lies beside them.

    Raises WmzooError where there is neither.
    """
    if (folder / INDEX).exists():
        kind, (summaries, problems, made) = "shards", _shards(folder)
    else:
        kind, (summaries, problems, made) = "chunks", _chunks(folder, tasks)
    for summary in summaries:
        problems += summary.problems()
    return Inspection(kind, summaries, problems, made)


Found = tuple[list[Summary], list[str], Mapping[str, Any]]  # tasks, problems, how the data came to be


def _chunks(folder: Path, tasks: Sequence[Task] | None) -> Found:
    found: dict[int, Summary] = {}
    problems = []
    for file in find_chunks([folder]):
        try:
            source = open_chunk(file, tasks)
        except WmzooError as error:
            problems.append(str(error))
            continue
        chunk = source.chunk
        for block in blocks(chunk):
            numbers = source.numbers[block.start : block.stop]
            for number in np.unique(numbers).tolist():
                listed = source.listed
                task = listed[number] if listed else Task(f"task-{number}", chunk.obs.shape[2], chunk.action.shape[2])
                summary = found.setdefault(number, Summary(number, task.name))
                chosen = block.start + np.flatnonzero(numbers == number)
                summary.add(of_chunk(chunk, chosen), task.obs_dim, task.act_dim)
    told = {key: value for key, value in read_collection(folder).items() if key != "tasks"}
    return [found[number] for number in sorted(found)], problems, told


def _shards(folder: Path) -> Found:
    try:
        index = read_index(folder)
    except WmzooError as error:
        return [], [str(error)], {}
    summaries, problems = [], []
    for task in index.tasks:
        summary = Summary(task.task, task.name, terminated=len(task.terminated), shares=task.shares)
        for episodes in of_shard(folder, task):
            summary.add(episodes, task.obs_dim, task.act_dim)
        if tuple(summary.nonfinite) != task.nonfinite:
            problems.append(f"{folder / task.name}: changed since its conversion: other episodes are not finite")
        summaries.append(summary)
    return summaries, problems, {**index.made, "sources": index.sources}

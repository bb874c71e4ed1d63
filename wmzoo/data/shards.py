"""Data sets on disk: a folder per task with flat arrays, mapped into memory, and index.json beside them.

    DST/index.json                    what is where (Index)
    DST/<task>/obs.f32                float32, little-endian, [rows, O of the task]
    DST/<task>/action.f32             [rows, A of the task]
    DST/<task>/reward.f32             [rows]

An episode of L steps takes L+1 rows, as in the replay: row t has obs_t, the action taken in it and the reward that
followed; the last row's action and reward are zeros. Tasks are stored in their own widths, without the padding.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from wmzoo.envs.task_sets import find, task_of
from wmzoo.errors import DamagedFile, WmzooError, about_file, named
from wmzoo.storage.mapped import mapped

INDEX, FORMAT, DTYPE = "index.json", 1, "float32"
ARRAYS = ("obs", "action", "reward")
SUITES = {"dmc": "", "metaworld": "mw-"}  # whose tasks a set has, and how it calls them
NUMBERS = r"\[\n([\s\d.,e+-]+)\]"  # a list of nothing else, as it is printed over many lines


@dataclass(frozen=True)
class TaskIndex:
    """One task of a data set.

    Attributes:
        task: its number, the row of the task embedding. name: of the task and of its folder.
        obs_dim, act_dim: the widths it is stored in.
        episodes: in order, (how many, steps of each).
        nonfinite: numbers of the episodes that hold a NaN or an infinity; they are stored and never sampled.
        terminated: numbers of those that the task itself ended; the others were cut off, or it is not known.
        shares: of each, how much of the training that it is from was over when it ended, from 0 to 1; none where it is
            from no training.
    """

    task: int
    name: str
    obs_dim: int
    act_dim: int
    episodes: tuple[tuple[int, int], ...]
    nonfinite: tuple[int, ...] = ()
    terminated: tuple[int, ...] = ()
    shares: tuple[float, ...] = ()

    @cached_property
    def lengths(self) -> Tensor:
        """int64 [E]: steps of each episode."""
        counts, steps = torch.tensor(self.episodes, dtype=torch.long).unbind(1)
        return steps.repeat_interleave(counts)

    @cached_property
    def starts(self) -> Tensor:
        """int64 [E]: the first row of each episode."""
        ends = (self.lengths + 1).cumsum(0)
        return ends - self.lengths - 1

    @property
    def rows(self) -> int:
        """Of the arrays: a step each, and one more per episode."""
        return sum(count * (steps + 1) for count, steps in self.episodes)

    def shape(self, array: str) -> tuple[int, ...]:
        """Of obs, action or reward."""
        return (self.rows, *{"obs": (self.obs_dim,), "action": (self.act_dim,), "reward": ()}[array])

    def file(self, folder: Path, array: str) -> Path:
        return folder / self.name / f"{array}.f32"


@dataclass(frozen=True)
class Index:
    """What a data set holds.

    Attributes:
        obs_dim, act_dim: O and A of its samples, the widths of the source, to which narrower tasks are padded.
        num_tasks: N of the set; a part of MT30 is still numbered within 30.
        tasks: those with data, in the order of their numbers.
        sources: of each file or data set that it was made of its name, bytes, episodes and a sha256 (of a chunk that of
            the archive's directory, which has a CRC of every record), and what was changed on the way.
        made: how it came to be, for whoever reads it: version, command, and what the source knows.
    """

    obs_dim: int
    act_dim: int
    num_tasks: int
    tasks: tuple[TaskIndex, ...]
    sources: tuple[Mapping[str, Any], ...] = field(default=())
    made: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def text(self) -> str:
        """The content of index.json; a list of numbers is one line, in which the reader's eye passes over it."""
        facts = {"format": FORMAT, "dtype": DTYPE, **asdict(self)}
        facts = {"made": facts.pop("made"), "sources": facts.pop("sources"), **facts}
        return re.sub(NUMBERS, lambda found: f"[{' '.join(found[1].split())}]", json.dumps(facts, indent=2)) + "\n"


def read_index(folder: Path) -> Index:
    """The index of a data set whose files have the sizes it says.

    Raises:
        WmzooError: there is none, or one of another version.
        DamagedFile: it is not what `wmzoo data convert` writes, or a file is truncated or missing.
    """
    file = folder / INDEX
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
        if facts["format"] != FORMAT or facts["dtype"] != DTYPE:
            raise WmzooError(f"{file}: format {facts['format']}, this version reads {FORMAT}: convert the chunks again")
        index = _index(facts)
    except FileNotFoundError as error:
        raise WmzooError(f"{folder}: no {INDEX}: it is no data set, or its conversion has not ended") from error
    except OSError as error:
        raise WmzooError(about_file(error)) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        what = named(error)
        raise DamagedFile(f"{file}: not as it was written ({what}); convert the chunks again") from error
    for task in index.tasks:
        for array in ARRAYS:
            part, wanted = task.file(folder, array), 4 * math.prod(task.shape(array))
            there = part.stat().st_size if part.is_file() else 0
            if there != wanted:
                raise DamagedFile(f"{part}: {there:,} bytes, not {wanted:,}: truncated; convert the chunks again")
    return index


def _index(facts: Mapping[str, Any]) -> Index:
    """ValueError, KeyError or TypeError where the file's content is no index."""
    index = Index(
        obs_dim=_whole(facts["obs_dim"], 1),
        act_dim=_whole(facts["act_dim"], 1),
        num_tasks=_whole(facts["num_tasks"], 1),
        tasks=tuple(_task(task) for task in facts["tasks"]),
        sources=tuple(facts["sources"]),
        made=dict(facts.get("made", {})),
    )
    numbers = [task.task for task in index.tasks]
    if not numbers or numbers != sorted(set(numbers)) or numbers[-1] >= index.num_tasks:
        raise ValueError(f"its tasks have the numbers {numbers[:5]} of {index.num_tasks}")
    if len({task.name for task in index.tasks}) < len(numbers):
        raise ValueError("two tasks have one name")
    if any(task.obs_dim > index.obs_dim or task.act_dim > index.act_dim for task in index.tasks):
        raise ValueError("a task is wider than the set")
    return index


def _task(facts: Mapping[str, Any]) -> TaskIndex:
    episodes = tuple((_whole(count, 1), _whole(steps, 1)) for count, steps in facts["episodes"])
    last = sum(count for count, _ in episodes) - 1
    return TaskIndex(
        task=_whole(facts["task"], 0),
        name=check_name(facts["name"]),
        obs_dim=_whole(facts["obs_dim"], 1),
        act_dim=_whole(facts["act_dim"], 1),
        episodes=episodes,
        nonfinite=tuple(_whole(number, 0, last) for number in facts["nonfinite"]),
        terminated=tuple(_whole(number, 0, last) for number in facts.get("terminated", ())),  # older ones have none
        shares=_shares(facts.get("shares", ()), last + 1),
    )


def _shares(values: Sequence[Any], episodes: int) -> tuple[float, ...]:
    if values and (len(values) != episodes or not all(isinstance(v, int | float) and 0 <= v <= 1 for v in values)):
        raise ValueError(f"its shares are not {episodes} numbers from 0 to 1")
    return tuple(map(float, values))


def _whole(value: Any, least: int, most: int = 2**40) -> int:
    if not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"{value!r} is no number from {least} to {most}")
    return value


def merged(episodes: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """(how many, steps of each), in order, as an index has them: neighbours of one length together, and none of 0."""
    runs = groupby(((count, steps) for count, steps in episodes if count), key=lambda pair: pair[1])
    return tuple((sum(count for count, _ in pairs), steps) for steps, pairs in runs)


def named_as_folder(text: str) -> str:
    """What a task of another source is called here, since its name becomes a folder's."""
    return re.sub(r"[^\w.-]", "-", text)


def name_of(env: Mapping[str, Any]) -> str:
    """What a data set calls the task of a config's environment: as in MT80, whose policies can then be extracted
    together, where it is there."""
    name = task_of(env)
    if env["name"] in SUITES:
        try:
            return find(SUITES[env["name"]] + name.removeprefix("mw-")).name
        except WmzooError:
            pass
    return named_as_folder(name)


def check_name(name: str) -> str:
    """The task's name, which is also a folder's. ValueError for one that cannot be."""
    if not re.fullmatch(r"\w[\w.-]{0,99}", name):
        raise ValueError(f"{name!r} is no task: a name is of letters, digits, '_', '-' and '.'")
    return name


class Shard:
    """A task's arrays as tensors that are read from the disk when they are looked at. Writing to them ends the process.

    obs: float32 [rows, O of the task].  action: float32 [rows, A of the task].  reward: float32 [rows].
    """

    def __init__(self, folder: Path, index: TaskIndex) -> None:
        self.index = index
        self.obs, self.action, self.reward = (_mapped(index.file(folder, a), index.shape(a)) for a in ARRAYS)


def _mapped(file: Path, shape: tuple[int, ...]) -> Tensor:
    return torch.frombuffer(mapped(file), dtype=torch.float32).view(shape)


class Shards:
    """A data set, opened: `.index`, and `.shards`, one per task with data.

    obs_dim, act_dim: O and A of its samples. terminates: whether a task of it has ended an episode.
    """

    def __init__(self, folder: Path | str) -> None:
        folder = Path(folder)
        self.index = read_index(folder)
        self.obs_dim, self.act_dim = self.index.obs_dim, self.index.act_dim
        self.shards = tuple(Shard(folder, task) for task in self.index.tasks)
        self.terminates = any(task.terminated for task in self.index.tasks)

    @property
    def action_dims(self) -> tuple[int, ...] | None:
        """Of each of the set's N tasks, A for one without data; None for a set of one task."""
        if self.index.num_tasks == 1:
            return None
        known = {task.task: task.act_dim for task in self.index.tasks}
        return tuple(known.get(number, self.act_dim) for number in range(self.index.num_tasks))

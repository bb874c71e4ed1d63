"""Minari data sets of this machine (the extra `minari`): those of one environment are one task, named after it.

Observations of several parts are flattened as gymnasium.wrappers.FlattenObservation does it, in the order that the
environment has them in. Actions are scaled from the environment's bounds to [-1, 1], and clipped there, as it does
itself. A row is one step of the environment: a policy from such data acts with `env.action_repeat=1`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from wmzoo.data.episodes import Episodes
from wmzoo.data.shards import named_as_folder
from wmzoo.data.source import Recordings, Stamp
from wmzoo.envs.simulator import UNLIMITED, ActionRange
from wmzoo.envs.task_sets import Task
from wmzoo.errors import DamagedFile, WmzooError, named, require
from wmzoo.storage.foreign import read_json

METADATA, HDF5 = "metadata.json", "main_data.hdf5"
Space = Mapping[str, Any]  # as Minari writes it: its `type`, and what such a space has


@dataclass(frozen=True)
class DataSet:
    """One of them, opened.

    env: the id of its environment, where it has one. widths: of an observation's parts, by their names. bounds: of
    actions, float64 [A] each, and their map. lengths: steps of each episode.
    """

    name: str
    folder: Path
    opened: Any
    env: str | None
    observation: Space
    widths: Mapping[str, int]
    bounds: tuple[np.ndarray, np.ndarray]
    range: ActionRange
    lengths: Sequence[int]

    shares = ()  # nobody says how far the training was

    @cached_property
    def task(self) -> Task:
        return Task(named_as_folder(self.env or self.name), sum(self.widths.values()), len(self.bounds[0]))

    @cached_property
    def stamps(self) -> dict[Path, Stamp]:
        digest = hashlib.sha256((self.folder / METADATA).read_bytes()).hexdigest()
        files = [self.folder / METADATA, self.folder / HDF5]  # other storages have many, and METADATA changes with them
        found = {file: file.stat() for file in files if file.is_file()}
        return {f: Stamp(f"{self.name}/{f.name}", s.st_size, s.st_mtime_ns, digest) for f, s in found.items()}

    @cached_property
    def facts(self) -> dict[str, Any]:
        """For the index."""
        low, high = ([end if abs(end) < UNLIMITED else None for end in ends.tolist()] for ends in self.bounds)
        return {
            "file": self.name,
            "bytes": sum(stamp.bytes for stamp in self.stamps.values()),
            "sha256": self.stamps[self.folder / METADATA].sha256,
            "episodes": len(self.lengths),
            "env": self.env,
            "observations": list(self.widths),
            "action_low": low,
            "action_high": high,
            "action_repeat": 1,
        }

    def notes(self) -> Iterator[str]:
        """What of it is not in the rows as it was."""
        if len(self.widths) > 1:
            yield f"{self.name}: an observation is {', '.join(self.widths)}, one behind the other"
        pairs = [*zip(self.facts["action_low"], self.facts["action_high"], strict=True)]
        scaled = [*dict.fromkeys(pair for pair in pairs if None not in pair and pair != (-1, 1))]
        if scaled:
            ranges = ", ".join(f"[{low:g}, {high:g}]" for low, high in scaled)
            yield f"{self.name}: actions are scaled from {ranges} to [-1, 1]"
        if any(None in pair for pair in pairs):
            yield f"{self.name}: actions without a bound are taken as they are, and clipped to [-1, 1]"

    def read(self, numbers: Sequence[int]) -> Iterator[Episodes]:
        for number, episode in zip(numbers, self.opened.iterate_episodes(numbers), strict=True):
            steps = self.lengths[number]
            try:
                obs = columns(self.observation, episode.observations).reshape(1, steps + 1, self.task.obs_dim)
                native = np.asarray(episode.actions, np.float64).reshape(1, steps, self.task.act_dim)
                reward = np.asarray(episode.rewards, np.float32).reshape(1, steps)
                ended = np.asarray(episode.terminations, bool).reshape(steps)[-1:]
            except (ValueError, TypeError, LookupError) as error:
                raise DamagedFile(f"{self.name}: episode {number} is not as it says ({named(error)})") from error
            yield Episodes(obs, np.clip(self.range.unit(native), -1, 1).astype(np.float32), reward, ended)


def open_source(names: Sequence[str], tasks: Sequence[Task] | None = None) -> Recordings:
    """The data sets of these ids, as `minari list local` shows them: mujoco/hopper/expert-v0.

    Raises:
        WmzooError: one that is not here, has images or discrete actions, or other widths than another of its task.
        DamagedFile: one that cannot be read.
    """
    if tasks is not None:
        raise WmzooError("--tasks is for chunks; a Minari data set says itself what was played")
    if doubled := [name for name in names if names.count(name) > 1]:
        raise WmzooError(f"{doubled[0]}: named twice; its episodes would be there twice")
    found = [_open(name) for name in names]
    first: dict[str, DataSet] = {}
    for data in found:
        if (other := first.setdefault(data.task.name, data)).task != data.task:
            raise WmzooError(f"{data.name}: {data.task.name} has other widths there than in {other.name}")
    return Recordings(found)


def _open(name: str) -> DataSet:
    minari, path_of = require("minari", "minari"), require("minari", "minari.storage").get_dataset_path
    folder = Path(path_of(name)) / "data"
    try:
        metadata = read_json(folder / METADATA)
    except FileNotFoundError as error:
        raise WmzooError(f"{name}: there is no such data set in {path_of()}; `minari download {name}`") from error
    if not {"observation_space", "action_space"} <= metadata.keys():  # Minari would run the environment that it names
        raise DamagedFile(f"{folder / METADATA}: does not say what observations and actions are")
    try:
        observation, action = (json.loads(metadata[f"{what}_space"]) for what in ("observation", "action"))
        env = json.loads(metadata.get("env_spec") or "{}").get("id")
        opened = minari.load_dataset(name)
        episodes = opened.storage.get_episode_metadata(range(opened.total_episodes))
        lengths = [int(episode["total_steps"]) for episode in episodes]
    except Exception as error:  # whatever a version, a storage, or a library that it needs makes of the files
        raise DamagedFile(f"{folder}: Minari cannot read it ({named(error)})") from error
    if min(lengths, default=0) < 1:
        raise DamagedFile(f"{folder}: has no episode, or one without a step")
    if action["type"] != "Box":
        raise WmzooError(f"{name}: its actions are {action['type']}; only continuous ones (Box) are learned from")
    widths, bounds = dict(parts(observation, name)), (_ends(action, "low"), _ends(action, "high"))
    return DataSet(name, folder, opened, env, observation, widths, bounds, ActionRange(*bounds, name), lengths)


def _ends(action: Space, end: str) -> np.ndarray:
    return np.asarray(action[end], np.float64).ravel()


def parts(space: Space, name: str, prefix: str = "") -> Iterator[tuple[str, int]]:
    """Of an observation the parts and their widths: ("goal.position", 3); one without a name is `observation`.

    WmzooError, naming the data set, for images and for what makes no vector.
    """
    kind = space["type"]
    if kind in ("Dict", "Tuple"):
        inner = space["subspaces"]
        for key, part in inner.items() if kind == "Dict" else enumerate(inner):
            yield from parts(part, name, f"{prefix}{key}.")
        return
    called = prefix.rstrip(".") or "observation"
    if kind == "Box" and (len(space["shape"]) > 2 or (len(space["shape"]) == 2 and space["dtype"] == "uint8")):
        raise WmzooError(f"{name}: {called} is an image, {space['shape']}; only vectors are learned from")
    sizes = {"Box": "shape", "Discrete": "n", "MultiBinary": "n"}
    if kind not in sizes:
        raise WmzooError(f"{name}: {called} is {kind}; taken are {', '.join(sizes)}, and Dict and Tuple of these")
    yield called, int(np.prod(space[sizes[kind]]))


def columns(space: Space, values: Any) -> np.ndarray:
    """float32 [rows, width]: observations, as Minari gives them, flattened; a number of Discrete becomes one-hot."""
    if space["type"] in ("Dict", "Tuple"):
        inner = space["subspaces"]
        items = inner.items() if space["type"] == "Dict" else enumerate(inner)
        return np.concatenate([columns(part, values[key]) for key, part in items], axis=1)
    if space["type"] == "Discrete":
        one_hot: np.ndarray = np.eye(space["n"], dtype=np.float32)[np.asarray(values).ravel() - space["start"]]
        return one_hot
    return np.asarray(values, np.float32).reshape(len(values), -1)

"""The replays of runs: what their agents have seen while they learned, as far as their newest checkpoints kept it.

The oldest episode of an environment may have lost its beginning, and the newest one is not at its end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from wmzoo.checkpoints.config import load_config
from wmzoo.checkpoints.find import locate
from wmzoo.checkpoints.state import TENSORS, has_state, open_state
from wmzoo.data.episodes import Episodes
from wmzoo.data.replay import NO_EPISODE
from wmzoo.data.shards import named_as_folder
from wmzoo.data.source import Recordings, Stamp
from wmzoo.envs.task_sets import Task, task_of
from wmzoo.errors import DamagedFile, WmzooError
from wmzoo.storage.files import file_sha256
from wmzoo.storage.tensors import StoredTensor


@dataclass(frozen=True)
class Replay:
    """One of them, as a checkpoint has it.

    stored: its arrays [row, environment, …] and the newest row of each environment; see ReplayBuffer.
    """

    bundle: Path
    task: Task
    repeat: int
    stored: Mapping[str, StoredTensor]

    @cached_property
    def episodes(self) -> list[tuple[int, np.ndarray]]:
        """Of each an environment and its rows [L+1], in the order in which they were played."""
        found = []
        for env, (numbers, head) in enumerate(zip(self.array("episode").T, self.array("head"), strict=True)):
            order = np.roll(np.arange(len(numbers)), -int(head) - 1)  # the row behind the newest is the oldest
            played = numbers[order]
            for rows in np.split(order, np.flatnonzero(np.diff(played)) + 1):
                if numbers[rows[0]] != NO_EPISODE and len(rows) > 1:
                    found.append((env, rows))
        return found

    @cached_property
    def lengths(self) -> list[int]:
        return [len(rows) - 1 for _, rows in self.episodes]

    @cached_property
    def arrays(self) -> dict[str, np.ndarray]:
        return {name: self.array(name) for name in ("obs", "action", "reward", "terminated") if name in self.stored}

    def array(self, name: str) -> np.ndarray:
        array: np.ndarray = self.stored[name].read().numpy()
        return array

    @cached_property
    def stamps(self) -> dict[Path, Stamp]:
        file = self.bundle / TENSORS
        status = file.stat()
        return {file: Stamp(str(file), status.st_size, status.st_mtime_ns, file_sha256(file))}

    @property
    def facts(self) -> dict[str, Any]:
        (stamp,) = self.stamps.values()
        facts = {"file": stamp.file, "bytes": stamp.bytes, "sha256": stamp.sha256}
        return facts | {"episodes": len(self.episodes), "action_repeat": self.repeat}

    def notes(self) -> Iterator[str]:
        numbers, heads = self.array("episode"), self.array("head")
        oldest = [numbers[head + 1, env] for env, head in enumerate(heads) if head + 1 < len(numbers)]
        if any(number != NO_EPISODE for number in oldest):
            yield f"{self.bundle}: its replay was full, so the oldest episode of an environment may lack its beginning"

    def read(self, numbers: Sequence[int]) -> Iterator[Episodes]:
        for number in numbers:
            env, rows = self.episodes[number]
            taken = rows[:-1]
            ended = self.arrays["terminated"][taken[-1:], env] if "terminated" in self.arrays else None
            obs, action, reward = (self.arrays[name] for name in ("obs", "action", "reward"))
            yield Episodes(obs[rows, env][None], action[taken, env][None], reward[taken, env][None], ended)


def open_source(names: Sequence[str], tasks: Sequence[Task] | None = None) -> Recordings:
    """The replays of the newest checkpoints of these runs, or of these checkpoints.

    Raises:
        WmzooError: one that has no replay, or one named twice.
        DamagedFile: one that cannot be read.
    """
    if tasks is not None:
        raise WmzooError("--tasks is for chunks; a run says itself what was played")
    found = [_open(locate(name)) for name in names]
    bundles = [replay.bundle for replay in found]
    if doubled := [bundle for bundle in bundles if bundles.count(bundle) > 1]:
        raise WmzooError(f"{doubled[0]}: named twice; its episodes would be there twice")
    return Recordings(found)


def _open(bundle: Path) -> Replay:
    state = open_state(bundle) if has_state(bundle) else {}
    if "replay" not in state:
        raise WmzooError(f"{bundle}: holds no replay; the checkpoints of a run of trainer=online do")
    cfg = load_config(bundle)
    task = Task(named_as_folder(task_of(cfg.env)), cfg.checkpoint.obs_dim, cfg.checkpoint.act_dim)
    replay = Replay(bundle, task, cfg.env.action_repeat, state["replay"])
    try:
        widths = [replay.stored[each].shape[2] for each in ("obs", "action")]
        rows = {replay.stored[each].shape[:2] for each in ("obs", "action", "reward", "episode")}
        fits = widths == [*task[1:]] and len(rows) == 1 and len(replay.stored["head"]) == rows.pop()[1]
    except (LookupError, TypeError, AttributeError):
        fits = False
    if not fits:
        raise DamagedFile(f"{bundle / TENSORS}: its replay is none of {task.name}")
    if not replay.episodes:
        raise WmzooError(f"{bundle}: nothing has been played yet")
    return replay

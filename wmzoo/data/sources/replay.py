"""The replays of runs: what their agents have seen while they learned, as far as their newest checkpoints kept it.

Episodes are in the order in which they began, each with the share of the training after which it ended.

Pieces are among them unless whole episodes are asked for: the oldest episode of an environment may have lost its
beginning, a staggered one never had it, the newest is not at its end, and a number that is not finite cuts one in two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from omegaconf import DictConfig, OmegaConf

from wmzoo.checkpoints.config import CONFIG, load_config
from wmzoo.checkpoints.find import locate
from wmzoo.checkpoints.state import TENSORS, has_state, open_state
from wmzoo.data.episodes import Episodes
from wmzoo.data.replay import NO_EPISODE
from wmzoo.data.shards import name_of
from wmzoo.data.source import Recordings, Stamp
from wmzoo.envs.task_sets import Task
from wmzoo.errors import DamagedFile, WmzooError
from wmzoo.storage.files import file_sha256
from wmzoo.storage.tensors import StoredTensor


class Played(NamedTuple):
    """An episode or a piece of one: its environment and rows [L+1] of the replay; share: of the training so far, that
    which was over when it ended; whole: whether it is there from its beginning to its end."""

    env: int
    rows: np.ndarray
    share: float
    whole: bool


@dataclass(frozen=True)
class Replay:
    """One of them, as a checkpoint has it.

    stored: its arrays [row, environment, …] and the newest row of each environment; see ReplayBuffer. steps: of the
    training so far, in all environments together. whole: pieces are left out. part: of the training, the shares between
    which an episode that is taken has ended. wanted: how many of these are taken, evenly from the first to the
    last; None for all.
    """

    bundle: Path
    cfg: DictConfig
    task: Task
    stored: Mapping[str, StoredTensor]
    steps: int
    whole: bool
    part: tuple[float, float]
    wanted: int | None = None

    @cached_property
    def played(self) -> list[Played]:
        """All that is there."""
        numbers = self.arrays["episode"]
        found = [one for env in range(numbers.shape[1]) for one in self._played_in(env)]
        return sorted(found, key=lambda one: int(numbers[one.rows[0], one.env]))  # they are numbered as they began

    def _played_in(self, env: int) -> Iterator[Played]:
        numbers, head = self.arrays["episode"][:, env], int(self.arrays["head"][env])
        order = np.roll(np.arange(len(numbers)), -head - 1)  # the row behind the newest is the oldest
        played = np.concatenate([[NO_EPISODE], numbers[order], [NO_EPISODE]])
        begins = np.diff(played[:-1]) != 0
        stepped = (~begins | (played[1:-1] == NO_EPISODE)).cumsum()  # a step each, but for the first of an episode
        steps = max(self.steps / self.arrays["episode"].shape[1], 1)
        for places in np.split(np.arange(len(order)), np.flatnonzero(begins[1:]) + 1):
            before, number, after = played[places[0]], played[places[0] + 1], played[places[-1] + 2]
            if number != NO_EPISODE and len(places) > 1:
                rows, share = order[places], 1 - (stepped[-1] - stepped[places[-1]]) / steps
                begun = before != NO_EPISODE or (number == env and rows[0] == 0 and not self._staggered(env))
                ended = after != NO_EPISODE and self._could_end(env, rows)
                yield Played(env, rows, round(float(np.clip(share, 0, 1)), 4), bool(begun and ended))

    def _staggered(self, env: int) -> bool:
        """Whether the environment's first episode began late."""
        return env > 0 and bool(OmegaConf.select(self.cfg, "trainer.stagger", default=False))

    def _could_end(self, env: int, rows: np.ndarray) -> bool:
        """Not where a resume has left an episode before its task or the limit of time ended it, as far as that is
        told."""
        if "terminated" not in self.arrays:
            return True
        return bool(self.arrays["terminated"][rows[-2], env]) or len(rows) == self._longest

    @cached_property
    def _longest(self) -> int:
        """Rows of an episode."""
        numbers = self.arrays["episode"]
        return int(np.bincount(numbers[numbers != NO_EPISODE]).max())

    @cached_property
    def episodes(self) -> list[Played]:
        """Those that are taken."""
        low, high = self.part
        found = [one for one in self.played if low < one.share <= high and (one.whole or not self.whole)]
        if self.wanted is None:
            return found
        if self.wanted > len(found):
            raise WmzooError(f"{self.bundle}: has {len(found)} such episodes, not {self.wanted}")
        return [found[place] for place in np.linspace(0, len(found) - 1, self.wanted).round().astype(int)]

    @cached_property
    def lengths(self) -> list[int]:
        return [len(one.rows) - 1 for one in self.episodes]

    @cached_property
    def shares(self) -> list[float]:
        return [one.share for one in self.episodes]

    @cached_property
    def arrays(self) -> dict[str, np.ndarray]:
        names = ("obs", "action", "reward", "terminated", "episode", "head")
        return {name: self.stored[name].read().numpy() for name in names if name in self.stored}

    @cached_property
    def stamps(self) -> dict[Path, Stamp]:
        file = self.bundle / TENSORS
        status = file.stat()
        return {file: Stamp(str(file), status.st_size, status.st_mtime_ns, file_sha256(file))}

    @cached_property
    def facts(self) -> dict[str, Any]:
        (stamp,) = self.stamps.values()
        return {
            "file": stamp.file,
            "bytes": stamp.bytes,
            "sha256": stamp.sha256,
            "episodes": len(self.episodes),
            "pieces": sum(not one.whole for one in self.episodes),
            "ended_after": [*self.part],
            "action_repeat": self.cfg.env.action_repeat,
            "seed": self.cfg.seed,
            "env_steps": self.steps,
            "config_sha256": file_sha256(self.bundle / CONFIG),
        }

    @cached_property
    def lost_before(self) -> float | None:
        """The share of the training before which episodes are missing because the replay was full; None where it holds
        the training from its beginning."""
        numbers, heads = self.arrays["episode"], self.arrays["head"]
        oldest = [((int(head) + 1) % len(numbers), env) for env, head in enumerate(heads)]
        full = any(
            numbers[row, env] not in (NO_EPISODE, env) or (row and numbers[row, env] == env) for row, env in oldest
        )
        there = [one.share for one in self.played if one.whole or not self.whole]
        return min(there, default=1.0) if full else None

    def notes(self) -> Iterator[str]:
        low, high = self.part
        left = sum(not one.whole for one in self.played if low < one.share <= high) if self.whole else 0
        if left:
            yield f"{self.bundle}: {left} running, staggered or cut episodes are left out"
        if self.lost_before is not None and low < self.lost_before:
            cut = "" if self.whole else "; the oldest of an environment may lack its beginning"
            yield (
                f"{self.bundle}: its replay was full: episodes that ended before {self.lost_before:g} of the training "
                f"are missing{cut}"
            )

    def read(self, numbers: Sequence[int]) -> Iterator[Episodes]:
        for number in numbers:
            env, rows, *_ = self.episodes[number]
            taken = rows[:-1]
            ended = self.arrays["terminated"][taken[-1:], env] if "terminated" in self.arrays else None
            obs, action, reward = (self.arrays[name] for name in ("obs", "action", "reward"))
            yield Episodes(obs[rows, env][None], action[taken, env][None], reward[taken, env][None], ended)


def open_source(
    names: Sequence[str],
    tasks: Sequence[Task] | None = None,
    whole: bool = False,
    part: tuple[float, float] = (0.0, 1.0),
    wanted: int | None = None,
) -> Recordings:
    """The replays of the newest checkpoints of these runs, or of these checkpoints.

    whole, part, wanted: see Replay; wanted is of each run.

    Raises:
        WmzooError: one that has no replay or nothing of what is asked for in it, or one named twice.
        DamagedFile: one that cannot be read.
    """
    if tasks is not None:
        raise WmzooError("--tasks is for chunks; a run says itself what was played")
    found = [_open(locate(name), whole, part, wanted) for name in names]
    bundles = [replay.bundle for replay in found]
    if doubled := [bundle for bundle in bundles if bundles.count(bundle) > 1]:
        raise WmzooError(f"{doubled[0]}: named twice; its episodes would be there twice")
    return Recordings(found)


def _open(bundle: Path, whole: bool, part: tuple[float, float], wanted: int | None) -> Replay:
    state = open_state(bundle) if has_state(bundle) else {}
    if "replay" not in state:
        raise WmzooError(f"{bundle}: holds no replay; the checkpoints of a run of trainer=online do")
    cfg = load_config(bundle)
    task = Task(name_of(cfg.env), cfg.checkpoint.obs_dim, cfg.checkpoint.act_dim)
    replay = Replay(bundle, cfg, task, state["replay"], int(state["counters"]["env_steps"]), whole, part, wanted)
    try:
        widths = [replay.stored[each].shape[2] for each in ("obs", "action")]
        rows = {replay.stored[each].shape[:2] for each in ("obs", "action", "reward", "episode")}
        fits = widths == [*task[1:]] and len(rows) == 1 and len(replay.stored["head"]) == rows.pop()[1]
    except (LookupError, TypeError, AttributeError):
        fits = False
    if not fits:
        raise DamagedFile(f"{bundle / TENSORS}: its replay is none of {task.name}")
    if not replay.played:
        raise WmzooError(f"{bundle}: nothing has been played yet")
    if not replay.episodes:
        kind = "whole episode" if whole else "episode"
        raise WmzooError(f"{bundle}: no {kind} has ended between {part[0]:g} and {part[1]:g} of its training")
    return replay

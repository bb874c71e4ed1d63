"""Conversion against the chunks it was made of, whatever interrupts it, in memory that does not grow."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from chunk_files import NAN, known_chunk, told_chunk, write_chunks

from wmzoo.data import convert as module
from wmzoo.data import episodes
from wmzoo.data.chunks import Chunk, write_chunk
from wmzoo.data.convert import PROGRESS, convert
from wmzoo.data.shards import Shards, read_index
from wmzoo.data.source import Source
from wmzoo.envs.task_sets import Task
from wmzoo.errors import DamagedFile, WmzooError

THREE = (Task("walker-walk", 4, 2), Task("cheetah-run", 3, 1), Task("cup-catch", 4, 1))


def digests(folder: Path) -> dict[str, str]:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two episodes of 5 steps each."""
    monkeypatch.setattr(episodes, "BLOCK", 2 * 4 * 6 * 8)


@pytest.mark.usefixtures("small_blocks")
def test_every_step_is_where_its_episode_says_whatever_the_order_of_tasks_and_the_lengths(tmp_path: Path) -> None:
    tasks = [[0, 0, 1, 2, 1, 0, 0], [1, 1, 0], [2, 0, 2]]
    steps = [5, 5, 3]
    firsts = [0, 7, 10]
    chunks = [told_chunk(t, s, first=f) for t, s, f in zip(tasks, steps, firsts, strict=True)]
    index = convert([write_chunks(tmp_path / "src", *chunks)], tmp_path / "dst", THREE)
    assert [task.episodes for task in index.tasks] == [((5, 5), (1, 3)), ((4, 5),), ((1, 5), (2, 3))]
    assert [(task.name, task.obs_dim, task.act_dim) for task in index.tasks] == [tuple(task) for task in THREE]
    assert (index.obs_dim, index.act_dim, index.num_tasks) == (4, 2, 3)
    flat = [
        (task, first + i, length)
        for ts, length, first in zip(tasks, steps, firsts, strict=True)
        for i, task in enumerate(ts)
    ]
    for shard in Shards(tmp_path / "dst").shards:
        told = [(number, length) for task, number, length in flat if task == shard.index.task]
        assert len(shard.obs) == sum(length + 1 for _, length in told)
        for (number, length), start in zip(told, shard.index.starts.tolist(), strict=True):
            rows, t = slice(start, start + length + 1), torch.arange(length + 1.0)
            assert (shard.obs[rows, 0] == shard.index.task).all() and (shard.obs[rows, 1] == number).all()
            assert torch.equal(shard.obs[rows, 2], t)
            # the action and reward that led from row t to t+1 stand at t+1 in a chunk and at t in a shard
            assert torch.equal(shard.action[rows, 0], torch.cat([10 * t[1:] + number, t[:1] * 0]))
            assert torch.equal(shard.reward[rows], torch.cat([1000 * number + t[1:], t[:1] * 0]))


def test_episodes_that_are_not_finite_are_noted_and_row_0_is_not_looked_at(tmp_path: Path) -> None:
    chunk = told_chunk([0, 1, 0, 1, 0, 0], 3)
    chunk.reward[2, 1], chunk.action[3, 3, 0], chunk.obs[4, 0, 0] = NAN, float("inf"), NAN
    chunk.action[:, 0], chunk.reward[:, 0] = NAN, NAN
    chunk.action[0, 1, 1] = NAN  # in the padding of THREE[1]'s actions, but task 0 has two
    chunk.action[1, 1, 1] = NAN
    index = convert([write_chunks(tmp_path / "src", chunk)], tmp_path / "dst", THREE[:2])
    assert [task.nonfinite for task in index.tasks] == [(0, 1, 2), (1,)]


def test_a_finished_conversion_is_not_done_again_and_not_replaced(tmp_path: Path) -> None:
    source = write_chunks(tmp_path / "src", told_chunk([0, 0], 2))
    convert([source], tmp_path / "dst")
    before = (tmp_path / "dst" / "index.json").stat()
    convert([source], tmp_path / "dst")
    assert (tmp_path / "dst" / "index.json").stat() == before
    write_chunks(source, told_chunk([0, 0, 0], 2))
    with pytest.raises(WmzooError, match="holds a data set made of other files or data sets"):
        convert([source], tmp_path / "dst")


def test_nothing_is_put_among_other_files_or_onto_a_disk_that_is_too_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_chunks(tmp_path / "src", told_chunk([0, 0], 2))
    with pytest.raises(WmzooError, match="holds chunk_0.pt, which is not of a conversion"):
        convert([source], source)
    usage = shutil.disk_usage(tmp_path)._replace(free=3 * 2 * 7 * 4 - 1)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(WmzooError, match="GB are needed there"):
        convert([source], tmp_path / "dst")
    usage = usage._replace(free=usage.free + 1)
    convert([source], tmp_path / "dst")


def killed(owner: object, where: str, count: int, source: Path, destination: Path) -> None:
    """A conversion in a child of this process, which is killed after the `count`-th call of `where`, of `owner`."""
    child = os.fork()
    if child:
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
        return
    calls, real = 0, getattr(owner, where)

    def then_die(*given: object, **more: object) -> object:
        nonlocal calls
        calls += 1
        found = real(*given, **more)
        if calls == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    try:
        setattr(owner, where, then_die)
        convert([source], destination)
    finally:
        os._exit(1)  # it should have been killed


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(
    ("owner", "where", "count"),
    [
        (module, "_progress", 1),  # nothing but the note is there
        (module, "_allocate", 1),  # files are there, and empty
        (module, "_write_part", 2),  # a part of a block is written
        (Source, "check_unchanged", 3),  # a block is written, and not noted
        (module, "_with_found", 1),  # all is written, and there is no index
    ],
)
def test_after_kill_9_the_same_call_goes_on_and_makes_the_same_bytes(
    tmp_path: Path, owner: object, where: str, count: int
) -> None:
    chunks = [told_chunk([0, 1, 1, 0, 2, 2, 0], 5), told_chunk([2, 2, 0], 5, first=7)]
    chunks[0].reward[3, 2] = NAN
    chunks[1].reward[1, 2] = NAN
    source = write_chunks(tmp_path / "src", *chunks)
    convert([source], tmp_path / "whole")
    killed(owner, where, count, source, tmp_path / "killed")
    assert not (tmp_path / "killed" / "index.json").exists()
    with pytest.raises(WmzooError, match="its conversion has not ended"):
        read_index(tmp_path / "killed")
    seen: list[int] = []
    convert([source], tmp_path / "killed", say=lambda done, total: seen.append(done))
    assert digests(tmp_path / "killed") == digests(tmp_path / "whole") and seen[-1] == 10


class Stop(Exception):
    pass


def stop_after(episodes: int) -> object:
    def say(done: int, total: int) -> None:
        if done >= episodes:
            raise Stop

    return say


@pytest.mark.usefixtures("small_blocks")
def test_what_is_written_is_not_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_chunks(tmp_path / "src", told_chunk([0] * 10, 5))
    with pytest.raises(Stop):
        convert([source], tmp_path / "dst", say=stop_after(6))  # type: ignore[arg-type]
    written = []
    real = module._write_part
    monkeypatch.setattr(module, "_write_part", lambda *args: (written.append(args[-1]), real(*args))[1])
    convert([source], tmp_path / "dst")
    assert written == [6 * 6, 8 * 6]  # the first rows of blocks of two episodes of 5 steps


@pytest.mark.usefixtures("small_blocks")
def test_a_source_that_changes_is_noticed_during_the_conversion_and_after_an_interruption(tmp_path: Path) -> None:
    source = write_chunks(tmp_path / "src", told_chunk([0] * 10, 5))
    file = source / "chunk_0.pt"

    def touch(done: int, total: int) -> None:
        os.utime(file, ns=(0, done))

    with pytest.raises(DamagedFile, match=f"{file}: has changed during its conversion"):
        convert([source], tmp_path / "dst", say=touch)
    with pytest.raises(WmzooError, match="dst: chunk_0.pt has changed since its conversion began; remove it"):
        convert([source], tmp_path / "dst")
    write_chunk(source / "chunk_1.pt", told_chunk([0], 5))
    for tasks, says in ((None, "with other files"), ((Task("walker-walk", 4, 2),), "with other files")):
        os.utime(file, ns=(0, 1))
        shutil.rmtree(tmp_path / "dst")
        with pytest.raises(Stop):
            convert([file], tmp_path / "dst", say=stop_after(1))  # type: ignore[arg-type]
        with pytest.raises(WmzooError, match=says):
            convert([source], tmp_path / "dst", tasks)
    with pytest.raises(WmzooError, match="with other --tasks"):
        convert([file], tmp_path / "dst", THREE)
    (tmp_path / "dst" / PROGRESS).write_text("{")
    with pytest.raises(DamagedFile, match="not as it was written"):
        convert([file], tmp_path / "dst")


@pytest.mark.usefixtures("small_blocks")
def test_a_file_that_was_lost_meanwhile_is_not_taken_for_written(tmp_path: Path) -> None:
    source = write_chunks(tmp_path / "src", told_chunk([0] * 10, 5))
    with pytest.raises(Stop):
        convert([source], tmp_path / "dst", say=stop_after(4))  # type: ignore[arg-type]
    file = tmp_path / "dst" / "task-0" / "action.f32"
    file.unlink()
    with pytest.raises(DamagedFile, match=f"{file}: is not as it was left; remove {tmp_path / 'dst'}"):
        convert([source], tmp_path / "dst")


def test_a_data_set_in_use_is_left_alone(tmp_path: Path) -> None:
    source = write_chunks(tmp_path / "src", told_chunk([0], 5))

    def again(done: int, total: int) -> None:
        convert([source], tmp_path / "dst")

    with pytest.raises(WmzooError, match=f"in use by process {os.getpid()}"):
        convert([source], tmp_path / "dst", say=again)


MEMORY = """
import re, sys, threading, time
from pathlib import Path
from wmzoo.data.convert import convert
peak = 0
def anonymous():
    return int(re.search(r"RssAnon:\\s+(\\d+) kB", Path("/proc/self/status").read_text()).group(1)) // 1024
def watch():
    global peak
    while True:
        peak = max(peak, anonymous())
        time.sleep(0.005)
before = anonymous()
threading.Thread(target=watch, daemon=True).start()
convert([Path(sys.argv[1])], Path(sys.argv[2]))
print(before, peak)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_does_not_grow_with_the_source(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    files = []
    for number in range(4):  # 200 MB
        size = (780, 501)
        obs, action = torch.rand(*size, 24, generator=generator), torch.rand(*size, 6, generator=generator)
        task = torch.arange(780).mul(30).div(780, rounding_mode="floor").int()[:, None].repeat(1, 501)
        files.append(Chunk(obs, action, torch.rand(size, generator=generator), task))
        write_chunks(tmp_path / "src", *files[-1:])
        (tmp_path / "src" / "chunk_0.pt").rename(tmp_path / "src" / f"part_{number}.pt")
    command = [sys.executable, "-c", MEMORY, str(tmp_path / "src"), str(tmp_path / "dst")]
    root = os.pathsep.join([str(Path(module.__file__).parents[2]), *sys.path])
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": root}, capture_output=True, text=True, check=True)
    before, peak = (int(word) for word in done.stdout.split())
    assert peak < 500 and peak - before < 5 * episodes.BLOCK // 2**20
    shards = Shards(tmp_path / "dst").shards
    assert len(shards) == 30
    rows = torch.cat([shard.obs.view(-1, 501, 24)[:26] for shard in shards])
    assert torch.equal(rows.view(30, 26, 501, 24), files[0].obs.view(30, 26, 501, 24))


def test_the_page_of_facts_is_kept_known_chunk_by_known_chunk(tmp_path: Path) -> None:
    """obs[0:], action[1:], reward[1:] of an episode are what is trained on."""
    chunk = known_chunk()
    convert([write_chunks(tmp_path / "src", chunk)], tmp_path / "dst")
    first, second = Shards(tmp_path / "dst").shards
    for shard, of in ((first, slice(0, 2)), (second, slice(2, 4))):
        assert torch.equal(shard.obs.view(2, 4, 3), chunk.obs[of])
        assert torch.equal(shard.action.view(2, 4, 2)[:, :-1], chunk.action[of, 1:])
        assert torch.equal(shard.reward.view(2, 4)[:, :-1], chunk.reward[of, 1:])

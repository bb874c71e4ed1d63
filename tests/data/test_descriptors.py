"""What an opened data set holds of the process: memory that is looked at, and no file descriptors."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from chunk_files import told_chunk, write_chunks

from wmzoo.data.convert import convert
from wmzoo.data.shards import Shards


def descriptors() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def maps(folder: Path) -> int:
    gc.collect()
    return Path("/proc/self/maps").read_text().count(str(folder))


def test_an_open_data_set_keeps_no_descriptor_however_many_tasks_it_has(tmp_path: Path) -> None:
    convert([write_chunks(tmp_path / "chunks", told_chunk(list(range(40)), steps=3))], tmp_path / "data")
    before = descriptors()
    data = Shards(tmp_path / "data")
    assert len(data.shards) == 40 and descriptors() == before
    assert [shard.obs[0, 0].item() for shard in data.shards] == list(range(40))


def test_what_was_mapped_is_let_go_of_with_the_last_tensor_that_sees_it(tmp_path: Path) -> None:
    convert([write_chunks(tmp_path / "chunks", told_chunk([0, 1], steps=3))], tmp_path / "data")
    data = Shards(tmp_path / "data")
    row = data.shards[1].obs[2]
    assert maps(tmp_path / "data") == 6
    del data
    assert maps(tmp_path / "data") == 1 and torch.equal(row[:3], torch.tensor([1.0, 1.0, 2.0]))
    del row
    assert maps(tmp_path / "data") == 0


@pytest.mark.slow
def test_nothing_can_be_written_through_it(tmp_path: Path) -> None:
    convert([write_chunks(tmp_path / "chunks", told_chunk([0], steps=3))], tmp_path / "data")
    before = (tmp_path / "data" / "task-0" / "obs.f32").read_bytes()
    code = "import sys; from wmzoo.data.shards import Shards; Shards(sys.argv[1]).shards[0].obs[0] = 1"
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path / "data")], capture_output=True)
    assert ended.returncode in (-signal.SIGSEGV, -signal.SIGBUS)
    assert (tmp_path / "data" / "task-0" / "obs.f32").read_bytes() == before

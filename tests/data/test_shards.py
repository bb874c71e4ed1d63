"""Data sets on disk: what a damaged or forged one is told, and that they are read where they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from chunk_files import told_chunk, write_chunks

from wmzoo.data.convert import convert
from wmzoo.data.shards import Shards, read_index
from wmzoo.errors import DamagedFile, WmzooError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    convert(
        [write_chunks(tmp_path / "src", told_chunk([0, 0, 1], 3), told_chunk([0, 1], 5, first=3))], tmp_path / "dst"
    )
    return tmp_path / "dst"


def test_the_index_says_where_every_episode_is(folder: Path) -> None:
    task = read_index(folder).tasks[0]
    assert task.lengths.tolist() == [3, 3, 5] and task.starts.tolist() == [0, 4, 8] and task.rows == 14


def test_the_arrays_are_plain_float32_for_anybody(folder: Path) -> None:
    obs = np.fromfile(folder / "task-1" / "obs.f32", "<f4").reshape(-1, 4)
    assert torch.equal(torch.from_numpy(obs), Shards(folder).shards[1].obs)
    facts = json.loads((folder / "index.json").read_text())
    assert facts["tasks"][1]["episodes"] == [[1, 3], [1, 5]] and facts["dtype"] == "float32"


def test_a_tensor_is_a_view_of_the_file(folder: Path) -> None:
    shard = Shards(folder).shards[0]
    with (folder / "task-0" / "reward.f32").open("r+b") as file:
        file.write(np.float32(42).tobytes())
    assert shard.reward[0] == 42


def changed(path: list[Any], value: object) -> Callable[[str], str]:
    def change(text: str) -> str:
        facts = json.loads(text)
        inner = facts
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value
        return json.dumps(facts)

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text[:-20], "not as it was written"),
        (lambda text: "[" * 100_000, "not as it was written"),
        (lambda text: "[]", "not as it was written"),
        (lambda text: "{}", "not as it was written"),
        (changed(["tasks"], []), "not as it was written"),
        (changed(["tasks", 0, "name"], "../up"), "is no task: a name is of letters"),
        (changed(["tasks", 0, "name"], "task-1"), "two tasks have one name"),
        (changed(["tasks", 0, "obs_dim"], 5), "a task is wider than the set"),
        (changed(["tasks", 0, "obs_dim"], -4), "-4 is no number from 1"),
        (changed(["tasks", 0, "task"], 1), r"its tasks have the numbers \[1, 1\] of 2"),
        (changed(["num_tasks"], 1), r"its tasks have the numbers \[0, 1\] of 1"),
        (changed(["tasks", 0, "episodes"], [[2**50, 3]]), "is no number from 1"),
        (changed(["tasks", 0, "episodes"], [[2**40, 3]]), "224 bytes, not [0-9,]*: truncated"),
        (changed(["tasks", 0, "nonfinite"], [3]), "3 is no number from 0 to 2"),
    ],
)
def test_an_index_that_is_not_as_it_was_written_is_refused(
    folder: Path, change: Callable[[str], str], says: str
) -> None:
    file = folder / "index.json"
    file.write_text(change(file.read_text()))
    with pytest.raises(DamagedFile, match=says) as refused:
        read_index(folder)
    assert str(refused.value).startswith(str(folder)) and "\n" not in str(refused.value)


def test_a_truncated_or_missing_file_is_named(folder: Path) -> None:
    file = folder / "task-1" / "action.f32"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(DamagedFile, match=f"{file}: 79 bytes, not 80: truncated"):
        Shards(folder)
    file.unlink()
    with pytest.raises(DamagedFile, match=f"{file}: 0 bytes, not 80"):
        Shards(folder)


def test_what_is_no_data_set_or_of_another_version_is_told_so(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(WmzooError, match="no index.json: it is no data set"):
        Shards(tmp_path)
    file = folder / "index.json"
    file.write_text(changed(["format"], 2)(file.read_text()))
    with pytest.raises(WmzooError, match="format 2, this version reads 1"):
        Shards(folder)

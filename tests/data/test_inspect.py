"""What an inspection says of data whose sums and faults are known."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from chunk_files import NAN, told_chunk, write_chunks

from wmzoo.data import episodes
from wmzoo.data.convert import convert
from wmzoo.data.inspect import Inspection, inspect
from wmzoo.envs.task_sets import Task
from wmzoo.errors import WmzooError

TWO = (Task("walker-walk", 4, 2), Task("cheetah-run", 3, 1))


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    """Task 0: episodes 0, 2 and 4. Task 1: episodes 1 and 3. Rewards of an episode: 1000 e + 1, +2, +3."""
    chunk = told_chunk([0, 1, 0, 1, 0], 3)
    chunk.reward[2, 1] = NAN
    chunk.obs[3, 0, 0], chunk.action[3, 2, 0] = NAN, float("-inf")
    return write_chunks(tmp_path / "src", chunk)


def figures(found: Inspection) -> list[tuple[object, ...]]:
    return [tuple(task.row().values()) for task in found.tasks]


EXPECTED = [
    (0, "walker-walk", 3, 9, 6 + 4005 + 12006, (6 + 4005 + 12006) / 9, 1, 0),
    (1, "cheetah-run", 2, 6, 3006 + 9006, (3006 + 9006) / 6, 2, 0),
]
PROBLEMS = [
    "walker-walk: 1 rows in 1 episodes are not finite; these episodes are never sampled",
    "cheetah-run: 2 rows in 1 episodes are not finite; these episodes are never sampled",
]


@pytest.mark.parametrize("block", [2**25, 1])
def test_chunks_and_the_shards_made_of_them_say_the_same(
    faulty: Path, tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(episodes, "BLOCK", block)
    convert([faulty], tmp_path / "dst", TWO)
    for folder, kind in ((faulty, "chunks"), (tmp_path / "dst", "shards")):
        found = inspect(folder, TWO)
        assert found.kind == kind and found.problems == PROBLEMS
        assert figures(found) == EXPECTED


def test_data_without_a_fault_have_no_problem(tmp_path: Path) -> None:
    assert inspect(write_chunks(tmp_path / "src", told_chunk([0, 1], 3))).problems == []


def test_sums_are_exact_where_float32_would_not_be(tmp_path: Path) -> None:
    chunk = told_chunk([0] * 2, 3)
    chunk.reward[0, 1:] = torch.tensor([2.0**24, 1.0, 1.0])
    chunk.reward[1, 1:] = 0.0
    assert inspect(write_chunks(tmp_path / "src", chunk)).tasks[0].reward_sum == 2**24 + 2


def test_wrong_widths_and_files_that_cannot_be_read_are_problems_beside_the_rest(tmp_path: Path) -> None:
    chunk = told_chunk([0, 1, 1], 3)
    chunk.obs[2, 1:3, 3] = 0.5
    folder = write_chunks(tmp_path / "src", chunk, told_chunk([0], 3))
    file = folder / "chunk_1.pt"
    file.write_bytes(file.read_bytes()[:300])
    found = inspect(folder, TWO)
    assert [task.wide_rows for task in found.tasks] == [0, 2]
    assert found.problems[0].startswith(f"{file}: truncated or damaged")
    assert found.problems[1] == "cheetah-run: 2 rows have observations beyond its width: the right tasks?"


def test_shards_that_are_truncated_or_changed_are_a_problem(faulty: Path, tmp_path: Path) -> None:
    convert([faulty], tmp_path / "dst", TWO)
    file = tmp_path / "dst" / "walker-walk" / "reward.f32"
    content = file.read_bytes()
    file.write_bytes(b"\0\0\xc0\x7f" + content[4:])  # a NaN
    said = "walker-walk: changed since its conversion: other episodes are not finite"
    assert inspect(tmp_path / "dst").problems[0] == f"{tmp_path}/dst/{said}"
    file.write_bytes(content[:-4])
    assert inspect(tmp_path / "dst").problems == [f"{file}: 44 bytes, not 48: truncated; convert the chunks again"]


def test_a_folder_with_neither_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WmzooError, match="holds no chunks"):
        inspect(tmp_path)

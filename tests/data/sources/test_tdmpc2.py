"""Which tasks a conversion has, and what cannot be converted together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from chunk_files import told_chunk, write_chunks

from wmzoo.data.convert import convert
from wmzoo.envs.task_sets import Task
from wmzoo.errors import DamagedFile, WmzooError

THREE = (Task("walker-walk", 4, 2), Task("cheetah-run", 3, 1), Task("cup-catch", 4, 1))


def test_chunks_without_a_list_of_tasks_keep_numbers_and_width(tmp_path: Path) -> None:
    index = convert([write_chunks(tmp_path / "src", told_chunk([3, 1, 3], 2))], tmp_path / "dst")
    assert [(t.task, t.name, t.obs_dim, t.act_dim) for t in index.tasks] == [(1, "task-1", 4, 2), (3, "task-3", 4, 2)]
    assert index.num_tasks == 4


def test_folders_with_lists_of_their_own_become_one_set(tmp_path: Path) -> None:
    for name, tasks in (("one", THREE[:1]), ("two", THREE[1:])):
        write_chunks(tmp_path / name, told_chunk(list(range(len(tasks))), 2))
        (tmp_path / name / "tasks.json").write_text(json.dumps({"tasks": [task._asdict() for task in tasks]}))
    index = convert([tmp_path / "two", tmp_path / "one"], tmp_path / "dst")
    assert [(task.task, task.name) for task in index.tasks] == [
        (0, "cheetah-run"),
        (1, "cup-catch"),
        (2, "walker-walk"),
    ]


def test_a_part_of_a_set_keeps_its_numbers(tmp_path: Path) -> None:
    index = convert([write_chunks(tmp_path / "src", told_chunk([2], 2))], tmp_path / "dst", THREE)
    assert [task.task for task in index.tasks] == [2] and index.num_tasks == 3


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c: c.task.__setitem__((1, 2), 0), "episode 1 changes its task on the way"),
        (lambda c: c.task.__setitem__(1, 7), "has an episode of task 7; the list of tasks has 3"),
        (lambda c: c.task.__setitem__(0, -1), "has an episode of task -1"),
        (lambda c: c.obs.__setitem__((1, 0, 3), 0.5), "episode 1 of cheetah-run has observations of more than its 3"),
    ],
)
def test_a_chunk_that_contradicts_its_tasks_is_refused(tmp_path: Path, change: object, says: str) -> None:
    chunk = told_chunk([0, 1], 3)
    change(chunk)  # type: ignore[operator]
    file = write_chunks(tmp_path / "src", chunk) / "chunk_0.pt"
    with pytest.raises(DamagedFile, match=f"{file}: .*{says}"):
        convert([file], tmp_path / "dst", THREE)


def test_tasks_that_cannot_be_are_refused(tmp_path: Path) -> None:
    wide = [Task("walker-walk", 24, 6)]
    source = write_chunks(tmp_path / "src", told_chunk([0], 2))
    with pytest.raises(DamagedFile, match="walker-walk has observations of 24 numbers, the chunk only 4"):
        convert([source], tmp_path / "dst", wide)
    other = write_chunks(tmp_path / "other", told_chunk([0], 2))
    (other / "tasks.json").write_text(json.dumps({"tasks": [THREE[0]._asdict()]}))
    with pytest.raises(WmzooError, match="its tasks have no names"):
        convert([source, other], tmp_path / "dst")
    with pytest.raises(WmzooError, match="walker-walk has other widths there"):
        convert([source, other], tmp_path / "dst", [Task("walker-walk", 3, 2)])
    narrow = write_chunks(tmp_path / "narrow", told_chunk([0], 2, widths=(3, 2)))
    with pytest.raises(WmzooError, match="different widths.*give --tasks"):
        convert([source, narrow], tmp_path / "dst")
    for content in ("[]", '{"tasks": [{"name": "../up", "obs_dim": 3, "act_dim": 1}]}', "{"):
        (other / "tasks.json").write_text(content)
        with pytest.raises(WmzooError, match="tasks.json: not as"):
            convert([other], tmp_path / "dst")
    assert not (tmp_path / "dst").exists()

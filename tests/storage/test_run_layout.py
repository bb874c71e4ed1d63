"""What a run folder tells of itself, whole or damaged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from wmzoo.errors import WmzooError
from wmzoo.storage.run_layout import (
    evaluation_file,
    evaluations_asked_for,
    is_trained,
    read_facts,
    training_seconds,
)

DAMAGED = {
    "half a file": b'{"status": "do',
    "empty": b"",
    "no text": b"\xff\xfe\x00",
    "a list": b"[1]",
    "a word": b'"done"',
    "versions that are a list": b'{"status": "done", "versions": []}',
    "resumed that is a number": b'{"status": "done", "resumed": 3}',
    "nested beyond all measure": b"[" * 100_000,
}


def test_a_run_that_tells_nothing_has_no_facts(tmp_path: Path) -> None:
    assert read_facts(tmp_path) == {}
    assert not is_trained(tmp_path) and training_seconds(tmp_path) is None


def test_what_a_run_tells_is_read(tmp_path: Path) -> None:
    facts = {"status": "done", "wall_clock": 12.5, "versions": {"torch": "2.8"}, "resumed": []}
    (tmp_path / "run.json").write_text(json.dumps(facts))
    assert read_facts(tmp_path) == facts
    assert is_trained(tmp_path) and training_seconds(tmp_path) == 12.5
    for status in ("running", "failed", "interrupted"):
        (tmp_path / "run.json").write_text(json.dumps(facts | {"status": status}))
        assert not is_trained(tmp_path)


@pytest.mark.parametrize("damage", DAMAGED)
def test_damaged_facts_are_one_line_that_names_the_file_and_the_run_counts_as_not_trained(
    tmp_path: Path, damage: str
) -> None:
    (tmp_path / "run.json").write_bytes(DAMAGED[damage])
    with pytest.raises(WmzooError) as error:
        read_facts(tmp_path)
    assert str(error.value).startswith(f"{tmp_path}/run.json: cannot read it (") and "\n" not in str(error.value)
    assert is_trained(tmp_path) is False and training_seconds(tmp_path) is None


def test_evaluations_of_the_training_and_those_asked_for_have_names_of_their_own(tmp_path: Path) -> None:
    assert evaluation_file(tmp_path, 1500) == tmp_path / "eval" / "00001500.json"
    assert evaluation_file(tmp_path, 1500, 20, 7) == tmp_path / "eval" / "00001500-n20-s7.json"
    assert evaluation_file(tmp_path, None, 20, 7).name == "00000000-n20-s7.json"  # of a bundle without a count


def test_those_asked_for_are_found_by_their_episodes_the_newest_checkpoint_last(tmp_path: Path) -> None:
    (tmp_path / "eval").mkdir()
    for place in ((200, 10, 1), (1000, 10, 1), (200, 100, 1), (200, None, None)):
        evaluation_file(tmp_path, *place).touch()
    found = evaluations_asked_for(tmp_path, 10)
    assert [file.name for file in found] == ["00000200-n10-s1.json", "00001000-n10-s1.json"]
    assert evaluations_asked_for(tmp_path / "nothing", 10) == []

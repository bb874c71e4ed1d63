"""Which files a conversion reads, and in which order."""

from __future__ import annotations

from pathlib import Path

import pytest
from chunk_files import told_chunk, write_chunks

from wmzoo.data.convert import convert
from wmzoo.data.shards import Shards
from wmzoo.errors import WmzooError


def test_files_are_taken_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    write_chunks(tmp_path / "src", *(told_chunk([0], 2, first=first) for first in range(11)))
    convert([tmp_path / "src"], tmp_path / "dst")
    (shard,) = Shards(tmp_path / "dst").shards
    assert shard.obs[::3, 1].tolist() == list(range(11))


def test_sources_that_are_none_are_refused(tmp_path: Path) -> None:
    source = write_chunks(tmp_path / "src", told_chunk([0], 2))
    (tmp_path / "empty").mkdir()
    for paths, says in (
        ([tmp_path / "none"], "no such file or folder"),
        ([tmp_path / "empty"], "holds no chunks"),
        ([source, source / "chunk_0.pt"], "named twice"),
    ):
        with pytest.raises(WmzooError, match=says):
            convert(paths, tmp_path / "dst")

"""The picture of what data cover, and the figures that it is drawn from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from chunk_files import NAN, told_chunk, write_chunks

from wmzoo.data.coverage import coverage
from wmzoo.data.inspect import Sample, inspect


def test_a_sample_is_of_evenly_spaced_rows_however_they_come() -> None:
    rows = np.arange(50_000, dtype=np.float32)[:, None]
    sample = Sample()
    for part in np.split(rows, [1, 7, 20_000, 20_003]):
        sample.add(part)
    kept = sample.rows()[:, 0]
    assert Sample.SIZE <= len(kept) <= 2 * Sample.SIZE and kept[0] == 0
    assert set(np.diff(kept)) == {8.0}


def test_returns_are_those_of_the_episodes_in_order_and_it_is_drawn_where_numbers_are_missing(tmp_path: Path) -> None:
    chunk = told_chunk([0, 1, 0], 3)
    chunk.obs[1] = NAN
    found = inspect(write_chunks(tmp_path, chunk)).tasks
    assert found[0].returns == [6.0, 6006.0] and found[1].returns == [3006.0]
    assert found[0].seen.rows()[:, 1].tolist() == [0] * 4 + [2] * 4 and not len(found[1].seen.rows())
    assert coverage(found).png.startswith(b"\x89PNG")

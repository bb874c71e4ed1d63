"""The picture of what data cover, and the figures that it is drawn from."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from chunk_files import NAN, told_chunk, write_chunks
from matplotlib.figure import Figure

from wmzoo.data.coverage import coverage
from wmzoo.data.inspect import Sample, Summary, inspect


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


def test_small_values_can_be_seen_beside_large_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Observations up to 0.1 and up to 12, and some that are always zero: the small one's line is at least a fifth of
    the large one's, in pixels; of one observation a millionth as large nothing is to be seen."""
    figures: list[Figure] = []
    monkeypatch.setattr("wmzoo.data.coverage.finish", lambda figure, *words: figures.append(figure))
    ends = np.array([0.1, 12.0, 0.0, 1.2e-5])
    found = inspect_of(np.stack([ends, -ends]))
    coverage([found])
    axes = figures[0].axes[1]
    heights = [np.ptp(axes.transData.transform(line)[:, 1]) for line in axes.collections[0].get_segments()]
    assert heights[0] > heights[1] / 5 and heights[2] == 0 and heights[3] < heights[1] / 5
    assert heights[1] > axes.get_window_extent().height / 2


def inspect_of(rows: np.ndarray) -> Summary:
    """Of a task with these observations alone."""
    sample = Sample()
    sample.add(rows)
    return SimpleNamespace(name="task", returns=[1.0, 2.0], seen=sample)  # type: ignore[return-value]

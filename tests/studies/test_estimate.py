"""How long many jobs will still take."""

from __future__ import annotations

from pathlib import Path

import pytest

from wmzoo.runs.metrics import MetricsWriter
from wmzoo.studies.estimate import Far, how_far, seconds_left


def test_nothing_is_said_where_nothing_tells() -> None:
    assert seconds_left(["mlp"], [("flow", None)], {}) is None


def test_waiting_jobs_take_what_others_of_their_kind_took_and_running_ones_what_their_pace_says() -> None:
    took = {"mlp": [100.0, 120.0, 500.0]}
    assert seconds_left(["mlp", "mlp"], [], took) == 240
    assert seconds_left([], [("mlp", Far(0.25, 30.0))], took) == 90
    assert seconds_left([], [("mlp", None)], took) == 60  # a half
    assert seconds_left(["flow"], [("flow", Far(0.5, 200.0))], {}) == 400 + 200
    assert seconds_left(["gaussian"], [], {"mlp": [100.0], "flow": [300.0]}) == 200


def test_a_run_says_how_far_it_is_once_it_has_a_row(tmp_path: Path) -> None:
    assert how_far(tmp_path) is None
    (tmp_path / "config.yaml").write_text("trainer: {iterations: 8}\n")
    writer = MetricsWriter(tmp_path / "metrics.jsonl")
    assert how_far(tmp_path) is None
    writer.write({"iteration": 2, "wall_clock": 30.0})
    writer.close()
    assert how_far(tmp_path) == pytest.approx(Far(0.25, 30.0))
    (tmp_path / "config.yaml").write_text("trainer: 8\n")
    assert how_far(tmp_path) is None

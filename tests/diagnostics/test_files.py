"""The files of `wmzoo diagnose`, where a figure has no value."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from wmzoo.diagnostics.files import table, write_diagnostics


def test_what_is_not_finite_is_null_and_an_empty_cell(tmp_path: Path) -> None:
    loop = {
        "step": [1, 2],
        "latent_error": [0.5, 0.75],
        "reward_r2": [float("-inf"), 0.5],  # a constant reward
        "return_error": [float("nan"), float("inf")],
    }
    figures = {"actions": "random", "horizons": [1], "jacobian": {"mean": [1.0], "p95": [2.0]}, "open_loop": loop}
    pictures = write_diagnostics(tmp_path, figures, "constant rewards")
    assert all(picture.stat().st_size > 1000 for picture in pictures)
    written = json.loads((tmp_path / "diagnostics.json").read_text())["open_loop"]
    assert written == loop | {"reward_r2": [None, 0.5], "return_error": [None, None]}
    rows = list(csv.DictReader((tmp_path / "open_loop.csv").open()))
    assert [row["reward_r2"] for row in rows] == ["", "0.5"] and [row["return_error"] for row in rows] == ["", ""]
    assert "latent error 0.5 after 1 step" in table(figures)

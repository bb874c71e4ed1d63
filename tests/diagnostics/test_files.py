"""The files of `wmzoo diagnose`, where a figure has no value."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from wmzoo.diagnostics.files import table, write_diagnostics
from wmzoo.diagnostics.gradient_accuracy import NAMES


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


def test_where_no_start_has_a_gradient_there_is_no_picture_and_dashes_are_shown(tmp_path: Path) -> None:
    """A sparse reward. What there is of one episode has no interval, and is drawn without."""
    nan = float("nan")
    loop = {"step": [1], "latent_error": [0.5], "reward_r2": [0.5], "return_error": [0.5]}
    alone = {"actions": "random", "horizons": [1], "jacobian": {"mean": [1.0], "p95": [2.0]}, "open_loop": loop}
    for starts, value in ((0, nan), (2, 0.75)):
        ends = {name: {"value": [value], "low": [nan], "high": [nan]} for name in NAMES}
        accuracy = {"method": "differences", "moments": [3], "starts": [starts], "rough": [value]}
        accuracy |= {**ends, "smooth": ends}
        figures = {**alone, "gradient_accuracy": accuracy}
        drawn = {picture.name for picture in write_diagnostics(tmp_path / str(starts), figures, "sparse")}
        assert ("gradient_accuracy.png" in drawn) == bool(starts)
        shown = "0.750" if starts else "–"
        row = next(line for line in table(figures).splitlines() if line.endswith(f" {starts}"))
        assert row.split() == ["1", shown, "[–,", "–]", shown, shown, shown, str(starts)]


def test_esnr_is_drawn_on_a_logarithmic_axis_that_says_what_is_not_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: dict[str, Figure] = {}
    monkeypatch.setattr("wmzoo.diagnostics.files.save", lambda figure, out: drawn.update({out.stem: figure}))
    horizons, loop = [1, 2, 4, 8], {"step": [1], "latent_error": [0.5], "reward_r2": [0.5], "return_error": [0.5]}
    esnr = {"value": [9.0, 2.0, -0.5, 0.0], "low": [8.0, -1.0, -2.0, -1.0], "high": [1e3, 3.0, 1.0, 1.0]}
    others = {name: [1.0] * 4 for name in ("gradient_variance", "relative_deviation", "cosine", "nonfinite")}
    jacobian = {"mean": [1.0] * 4, "p95": [2.0] * 4}
    figures = {"horizons": horizons, "esnr": esnr, **others, "jacobian": jacobian, "open_loop": loop}
    write_diagnostics(tmp_path, figures, "")
    axes = drawn["gradients"].axes[0]
    assert axes.get_yscale() == "log" and "not drawn: 2 values of 0 or less" in axes.get_ylabel()
    bottom, top = axes.get_ylim()
    assert 0 < bottom < 2.0 and top > 1e3  # the whole interval above the values
    band = axes.collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == bottom  # where the interval reaches 0
    esnr["value"] = [9.0, 2.0, 1.0, 0.5]
    write_diagnostics(tmp_path, figures, "")
    assert drawn["gradients"].axes[0].get_ylabel() == "ESNR of the policy gradient"

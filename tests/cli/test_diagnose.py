"""`wmzoo diagnose` on checkpoints of the catalogue and on a run."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from wmzoo.cli.main import main

FEW = ["--horizons", "1,3", "--estimates", "6", "--episodes", "2"]


@pytest.mark.parametrize("dynamics", ["mlp", "flow"])
def test_it_writes_figures_tables_and_pictures_and_repeats_itself(
    tmp_path: Path, dynamics: str, capsys: pytest.CaptureFixture[str]
) -> None:
    written = []
    for out in ("one", "two"):
        assert main(["diagnose", f"cartpole_swingup-{dynamics}", *FEW, "--out", str(tmp_path / out)]) == 0
        written.append((tmp_path / out / "diagnostics.json").read_text())
    assert written[0] == written[1]
    figures = json.loads(written[0])
    assert figures["horizons"] == [1, 3] and len(figures["esnr"]["value"]) == 2 and figures["nonfinite"] == [0, 0]
    loop = figures["open_loop"]
    assert loop["step"] == list(range(1, 17)) and loop["latent_error"][-1] < 0.1  # a trained model
    assert max(loop["simplex_distance"]) < 1e-5
    assert ("flow_paths" in figures) == (dynamics == "flow")
    pictures = {path.name for path in (tmp_path / "one").glob("*.png")}
    assert pictures == {"gradients.png", "open_loop.png"} | ({"integration.png"} if dynamics == "flow" else set())
    with open(tmp_path / "one" / "by_horizon.csv", newline="") as file:
        assert [row["horizon"] for row in csv.DictReader(file)] == ["1", "3"]
    out = capsys.readouterr().out
    assert f"cartpole-swingup · {dynamics} · seed 0" in out and "open loop: latent error" in out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["cartpole_swingup-mlp"], "say where the figures go"),
        (["cartpole_swingup-mlp", "--out", "x", "--horizons", "1,zero"], "it takes numbers from 1 on"),
        (["cartpole_swingup-mlp", "--out", "x", "--estimates", "4"], "must be 5 or more"),
        (["nowhere"], "no such folder"),
    ],
)
def test_a_mistake_is_one_line(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", *words]) == 2
    err = capsys.readouterr().err
    assert says in err and err.count("\n") == 1

"""What a run keeps of an evaluation."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

from wmzoo.evaluation.episodes import Evaluation
from wmzoo.runs.metrics import COLUMNS
from wmzoo.runs.recorder import RunRecorder


def test_success_at_the_last_step_and_at_any_are_columns_and_stand_in_the_evaluation_s_file(tmp_path: Path) -> None:
    assert {"success", "success_any", "eval_success", "eval_success_any"} <= set(COLUMNS)
    run = SimpleNamespace(folder=tmp_path, cfg=SimpleNamespace(seed=0))
    evaluation = Evaluation((1.0, 2.0), (4, 4), (False, True), (True, True))
    RunRecorder(run, progress=None, stop_requested=bool).evaluated(7, 70, evaluation)  # type: ignore[arg-type]
    file = json.loads((tmp_path / "eval" / "00000007.json").read_text())
    assert (file["success"], file["success_any"]) == (0.5, 1.0)
    assert file["successes"] == [False, True] and file["successes_any"] == [True, True]

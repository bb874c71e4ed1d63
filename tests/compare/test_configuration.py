"""Runs of one arm that are not alike."""

from __future__ import annotations

from pathlib import Path

import pytest
from synthetic_runs import two_arms, write_run

from wmzoo.compare.report import Report
from wmzoo.compare.tasks import Settings

QUICK = Settings(repetitions=200)


@pytest.mark.usefixtures("no_drawing")
def test_runs_of_one_arm_that_differ_are_told(tmp_path: Path) -> None:
    two_arms(tmp_path, {"mlp": [[1.0]], "flow": [[1.0]]})
    write_run(tmp_path / "x", dynamics="mlp", task="cheetah-run", seed=1, returns=[1.0], config={"gamma": 0.9})
    page = Report([tmp_path], ["dynamics"], "", QUICK).write(tmp_path / "report").read_text()
    assert "Runs of one arm and task differ in gamma: are they one arm?" in page

"""`wmzoo compare`: where it writes, and what it refuses in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from synthetic_runs import two_arms

from wmzoo.cli.main import main


def test_a_folder_that_is_no_former_report_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    two_arms(tmp_path / "runs", {"mlp": [[1.0]], "flow": [[1.0]]})
    out = tmp_path / "mine"
    out.mkdir()
    (out / "thesis.tex").write_text("years of work")
    assert main(["compare", str(tmp_path / "runs"), "--out", str(out)]) == 2
    assert "is not empty and no former report" in capsys.readouterr().err
    assert [file.name for file in out.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("option", [["--last", "0"], ["--threshold", "1.5"], ["--seed", "-1"], ["--by", "nothing"]])
def test_a_wrong_option_is_one_line(tmp_path: Path, option: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    two_arms(tmp_path, {"mlp": [[1.0]], "flow": [[1.0]]})
    assert main(["compare", str(tmp_path), "--out", str(tmp_path / "report"), *option]) == 2
    assert capsys.readouterr().err.count("\n") == 1 and not (tmp_path / "report").exists()

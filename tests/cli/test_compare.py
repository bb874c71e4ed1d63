"""`wmzoo compare`: where it writes, and what it refuses in one line."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from synthetic_runs import two_arms, write_run, write_study

from wmzoo.cli.main import main


def test_a_folder_that_is_no_former_report_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    two_arms(tmp_path / "runs", {"mlp": [[1.0]], "flow": [[1.0]]})
    out = tmp_path / "mine"
    out.mkdir()
    (out / "thesis.tex").write_text("years of work")
    assert main(["compare", str(tmp_path / "runs"), "--out", str(out)]) == 2
    assert "is not empty and no former report" in capsys.readouterr().err
    assert [file.name for file in out.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize(
    "option", [["--last", "0"], ["--threshold", "1.5"], ["--seed", "-1"], ["--margin", "0"], ["--by", "nothing"]]
)
def test_a_wrong_option_is_one_line(tmp_path: Path, option: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    two_arms(tmp_path, {"mlp": [[1.0]], "flow": [[1.0]]})
    assert main(["compare", str(tmp_path), "--out", str(tmp_path / "report"), *option]) == 2
    assert capsys.readouterr().err.count("\n") == 1 and not (tmp_path / "report").exists()


@pytest.mark.usefixtures("no_drawing")
def test_runs_that_are_left_out_are_named_with_the_reason_on_the_terminal_and_in_the_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = two_arms(tmp_path / "runs", {"mlp": [[1.0, 2.0]], "flow": [[1.0, 2.0]]})
    for name, returns, status in (("cut", [1.0], "interrupted"), ("short", [], "done")):
        write_run(runs / name, dynamics="mlp", task="cheetah-run", seed=7, returns=returns, status=status)
    assert main(["compare", str(runs), "--out", str(tmp_path / "report")]) == 0
    said, page = capsys.readouterr().out, (tmp_path / "report" / "report.html").read_text()
    for name, reason in (("cut", "interrupted"), ("short", "without evaluations")):
        line = f"Left out: 1 run of mlp on cheetah-run, {reason}: {runs / name}."
        assert line in said.splitlines() and line in page


@pytest.mark.usefixtures("no_drawing")
def test_every_difference_is_a_line_with_what_the_seeds_could_have_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two_arms(tmp_path / "runs", {"mlp": [[190.0], [200.0], [210.0]], "flow": [[191.0], [201.0], [211.0]]})
    assert main(["compare", str(tmp_path / "runs"), "--baseline", "mlp", "--out", str(tmp_path / "report")]) == 0
    head, steps, *_ = capsys.readouterr().out.splitlines()
    assert head.split("  ")[0] == "task" and "seeds for 10%" in head
    assert steps.startswith("cheetah-run  flow  at equal steps") and steps.endswith("  30.7              6  not shown")


@pytest.mark.usefixtures("no_drawing")
def test_a_margin_adds_what_is_not_worse_and_stands_in_the_report_s_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two_arms(tmp_path / "runs", {"mlp": [[190.0], [200.0], [210.0]], "flow": [[191.0], [201.0], [211.0]]})
    typed = ["compare", str(tmp_path / "runs"), "--baseline", "mlp", "--out", str(tmp_path / "report")]
    assert main([*typed, "--margin", "10%"]) == 0
    head, steps, *_ = capsys.readouterr().out.splitlines()
    assert head.endswith("not worse by 10% of the range") and steps.endswith("  not shown   not worse")
    assert "--margin 10% --baseline mlp</pre>" in (tmp_path / "report" / "report.html").read_text()


@pytest.mark.slow
def test_five_hundred_runs_are_compared_in_half_a_minute(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = write_study(tmp_path / "runs", seeds=50, diagnostics=False)
    failed = runs / "cheetah-run" / "flow" / "seed49"
    (failed / "run.json").write_text(json.dumps({"status": "failed"}))
    began = time.process_time()  # of a core of its own: other processes do not count
    assert main(["compare", str(runs), "--out", str(tmp_path / "report")]) == 0
    assert time.process_time() - began < 30
    assert f"Left out: 1 run of flow on cheetah-run, failed: {failed}." in capsys.readouterr().out

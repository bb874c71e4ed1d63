"""Names in a study become folders: none leads out of it, and nothing that is there is removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from wmzoo.cli.main import main
from wmzoo.errors import WmzooError
from wmzoo.studies.extraction import read_plan
from wmzoo.studies.jobs import train_or_resume

SPEC = "{{arms: {{'{arm}': [dynamics=mlp]}}, tasks: {{'{task}': [env=pendulum_swingup]}}, seeds: [0]}}\n"


@pytest.mark.parametrize(
    ("task", "arm"),
    [("../../victim", "mlp"), ("..", "mlp"), ("pendulum", "../../../victim"), ("pendulum", "a/b"), (".", "mlp")],
)
def test_a_study_with_a_name_that_leads_elsewhere_is_refused_and_removes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], task: str, arm: str
) -> None:
    (tmp_path / "victim" / "mlp" / "seed0").mkdir(parents=True)
    (tmp_path / "victim" / "mlp" / "seed0" / "thesis.tex").write_text("years of work")
    (tmp_path / "study.yaml").write_text(SPEC.format(task=task, arm=arm))
    assert main(["study", "run", str(tmp_path / "study.yaml"), "--root", str(tmp_path / "root")]) == 2
    err = capsys.readouterr().err
    assert "becomes a folder's name" in err and err.count("\n") == 1
    assert (tmp_path / "victim" / "mlp" / "seed0" / "thesis.tex").exists() and not (tmp_path / "root").exists()


def test_a_study_file_called_dots_is_no_way_out_of_the_root(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "...yaml").write_text(SPEC.format(task="pendulum", arm="mlp"))
    assert main(["study", "run", str(tmp_path / "...yaml"), "--root", str(tmp_path / "root")]) == 2
    assert "study '..' becomes a folder's name" in capsys.readouterr().err


@pytest.mark.parametrize("block", ["extraction.modes={../x:[]}", "extraction.dynamics={a/b:[]}"])
def test_a_plan_of_an_extraction_neither(block: str) -> None:
    with pytest.raises(WmzooError, match="becomes a folder's name"):
        read_plan("mt30_mini", [f"+{block}"])


def test_what_is_no_run_is_left_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "seed0").mkdir()
    (tmp_path / "seed0" / "thesis.tex").write_text("years of work")
    assert train_or_resume(tmp_path / "seed0", ["a=1"]) == ["train", "a=1", f"run_dir={tmp_path / 'seed0'}"]
    assert [path.name for path in tmp_path.iterdir()] == ["seed0"] and (tmp_path / "seed0" / "thesis.tex").exists()


def test_a_run_without_a_checkpoint_is_put_aside_and_begun_anew(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / "seed0").mkdir()
        (tmp_path / "seed0" / "run.json").write_text(f'{{"status": "failed", "try": {number}}}')
        assert train_or_resume(tmp_path / "seed0", [])[0] == "train"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["seed0-stopped-1", "seed0-stopped-2"]
    assert '"try": 2' in (tmp_path / "seed0-stopped-2" / "run.json").read_text()

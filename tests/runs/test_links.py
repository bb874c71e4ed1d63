"""A run folder that somebody has sent: going on with it touches nothing outside, and nothing that it did not write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf

from wmzoo.errors import WmzooError
from wmzoo.evaluation.episodes import Evaluation
from wmzoo.runs import Run
from wmzoo.runs.folder import default_name
from wmzoo.runs.loggers import WandbLogger
from wmzoo.runs.recorder import RunRecorder
from wmzoo.runs.video import VideoRecorder

CONFIG = OmegaConf.create({"seed": 0, "env": {"task": "t"}, "dynamics": {"name": "mlp"}})


class Grey:
    def render(self, index: int, width: int, height: int) -> Any:
        return np.full((height, width, 3), 99, dtype=np.uint8)


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    (tmp_path / "precious").write_text("precious")
    return tmp_path / "precious"


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """A run with one row."""
    with Run(tmp_path / "run", CONFIG) as run:
        run.log({"iteration": 1, "env_steps": 4})
    return run.folder


@pytest.mark.parametrize("name", [".video.partial.mp4", "video.mp4"])
def test_a_video_is_not_written_through_a_link(tmp_path: Path, precious: Path, name: str) -> None:
    (tmp_path / name).symlink_to(precious)
    with VideoRecorder(tmp_path / "video.mp4") as recorder:
        recorder.capture(Grey())
    assert precious.read_text() == "precious" and not (tmp_path / "video.mp4").is_symlink()
    assert {path.name for path in tmp_path.iterdir()} <= {name, "precious", "video.mp4"}


@pytest.mark.parametrize("name", ["checkpoints", "eval", "tensorboard", "wandb"])
def test_a_run_whose_folders_are_links_is_refused_before_anything_is_written(
    begun: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (begun / name).symlink_to(tmp_path / "elsewhere")
    before = {path: path.stat().st_mtime_ns for path in begun.iterdir()}
    with pytest.raises(WmzooError, match=f"{name}: a link, which a run does not write through"):
        Run(begun, CONFIG, resumed=1)
    assert {path: path.stat().st_mtime_ns for path in begun.iterdir()} == before
    assert not list((tmp_path / "elsewhere").iterdir())


def test_the_metrics_of_a_resumed_run_are_its_own_file(begun: Path, tmp_path: Path) -> None:
    (begun / "metrics.jsonl").rename(tmp_path / "others.jsonl")
    before = (tmp_path / "others.jsonl").read_bytes()
    (begun / "metrics.jsonl").symlink_to(tmp_path / "others.jsonl")
    with Run(begun, CONFIG, resumed=1) as run:
        run.go_on()
        run.log({"iteration": 2, "env_steps": 8})
    assert (tmp_path / "others.jsonl").read_bytes() == before
    assert (begun / "metrics.jsonl").read_text().count("\n") == 2 and not (begun / "metrics.jsonl").is_symlink()


def test_an_evaluation_is_not_written_through_a_link_that_appears_while_the_run_goes(
    begun: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    with Run(begun, CONFIG, resumed=1) as run:
        (begun / "eval").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(OSError):
            RunRecorder(run, None, lambda: False).evaluated(1, 4, Evaluation((1.0,), (2,)))  # type: ignore[arg-type]
    assert not list((tmp_path / "elsewhere").iterdir())


def test_the_file_that_a_wandb_id_links_to_is_neither_sent_nor_written(
    tmp_path: Path, precious: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: dict[str, Any] = {}

    class Wandb:
        @staticmethod
        def init(**given: Any) -> None:
            sent.update(given)

    monkeypatch.setattr("wmzoo.runs.loggers.require", lambda extra, module: Wandb)
    run = tmp_path / "run"
    run.mkdir()
    for target in (precious, tmp_path / "not-there-yet"):
        (run / "wandb-id.txt").unlink(missing_ok=True)
        (run / "wandb-id.txt").symlink_to(target)
        WandbLogger(run, CONFIG, None)
        assert sent["id"] != "precious" and sent["id"] == (run / "wandb-id.txt").read_text()
    assert precious.read_text() == "precious" and not (tmp_path / "not-there-yet").exists()


def test_only_what_a_run_leaves_half_written_is_cleared_away(begun: Path) -> None:
    mine = [".notes.tmp", ".run.json.tmp", "a.tmp"]
    for name in (*mine, ".run.json.123.tmp", ".metrics.csv.77-0a1b2c3d.tmp"):
        (begun / name).write_text("x")
    with Run(begun, CONFIG, resumed=1) as run:
        run.go_on()
    assert {path.name for path in begun.iterdir() if path.name.endswith(".tmp")} == set(mine)


def test_a_mistake_removes_what_the_run_wrote_and_not_what_somebody_has_put_there(tmp_path: Path) -> None:
    with pytest.raises(WmzooError), Run(tmp_path / "run", CONFIG) as run:
        (run.folder / "thesis.tex").write_text("years of work")
        raise WmzooError("no such task")
    assert [path.name for path in run.folder.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("task", ["..", "../../x", ".", "a/b"])
def test_the_default_folder_of_a_run_lies_below_runs_whatever_its_task_is_called(task: str) -> None:
    cfg = OmegaConf.create({"seed": 0, "env": {"task": task}, "dynamics": {"name": "mlp"}})
    parts = default_name(cfg).parts
    assert len(parts) == 3 and parts[0] == "runs" and not parts[1].startswith(".")

"""Pretraining on data that leave nothing to assess the model on is refused at once, not at its first assessment."""

from __future__ import annotations

from pathlib import Path

import pytest
from chunk_files import told_chunk, write_chunks

from wmzoo.cli.main import main
from wmzoo.data.convert import convert
from wmzoo.envs.task_sets import Task


@pytest.mark.parametrize(
    ("episodes", "steps", "words"),
    [
        (1, 8, "data.dir: there are no episodes held out (every twentieth of a task; of fewer the last, but of one "),
        (3, 2, "data.dir: of 2 episodes to learn from none has the horizon's 4 steps, the longest has 2; "),
    ],
)
def test_it_is_refused_in_one_line_that_says_what_to_take(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], episodes: int, steps: int, words: str
) -> None:
    chunks = write_chunks(tmp_path / "chunks", told_chunk([0] * episodes, steps, (3, 1)))
    convert([chunks], tmp_path / "data", [Task("pendulum-swingup", 3, 1)])
    settings = ["size=tiny", "dynamics=mlp", "trainer.horizon=4", "recipe.model_horizon=null"]
    settings += ["device=cpu", "threads=1"]
    run = tmp_path / "run"
    assert main(["train", "trainer=pretrain", f"data.dir={tmp_path / 'data'}", *settings, f"run_dir={run}"]) == 2
    line = capsys.readouterr().err
    assert line.startswith(f"wmzoo: {words}") and line.count("\n") == 1 and "resume" not in line
    assert not run.exists()

"""A run that is interrupted before its first iteration saves what there is, and goes on as if nothing had been."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from short_run import SHORT_RUN, without_video

from wmzoo.checkpoints.find import list_checkpoints
from wmzoo.cli.main import main
from wmzoo.contracts.trainer import CLOCKS
from wmzoo.runs.metrics import read_metrics
from wmzoo.runs.recorder import RunRecorder

pytestmark = pytest.mark.usefixtures("no_video")
SHORT = [*SHORT_RUN, "env=cartpole_swingup", "dynamics=mlp", "recipe.pretrain_updates=3", "eval.episodes=1"]
SHORT += ["trainer.iterations=4", "eval.every=4"]


def numbers(run: Path) -> list[dict[str, Any]]:
    return [{name: row[name] for name in row if name not in CLOCKS} for row in read_metrics(run)]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    with without_video():
        assert main(["train", *SHORT, f"run_dir={folder}"]) == 0
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "what", "done"),
    [(signal.SIGINT, "random steps", 60), (signal.SIGTERM, "first model updates", 2)],  # of 80 and 3
)
def test_it_leaves_a_checkpoint_that_goes_on_to_the_same_numbers(
    undisturbed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: signal.Signals,
    what: str,
    done: int,
) -> None:
    run, preparing = tmp_path / "run", RunRecorder.preparing
    told: list[tuple[str, int]] = []

    def prepare_and_interrupt(self: RunRecorder, now: str, so_far: int, total: int) -> None:
        preparing(self, now, so_far, total)
        told.append((now, so_far))
        if (now, so_far) == (what, done):
            signal.raise_signal(number)

    with monkeypatch.context() as patch:
        patch.setattr(RunRecorder, "preparing", prepare_and_interrupt)
        assert main(["train", *SHORT, f"run_dir={run}"]) == 130
    assert told[-1] == (what, done), "it went on"
    assert [bundle.name for bundle in list_checkpoints(run)] == ["00000000"] and not read_metrics(run)
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("wmzoo: interrupted before the first iteration; ") and f"`wmzoo resume {run}`" in line
    assert json.loads((run / "run.json").read_text())["status"] == "interrupted"
    assert main(["resume", str(run)]) == 0
    assert numbers(run) == numbers(undisturbed)

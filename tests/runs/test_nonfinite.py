"""A run that meets numbers that are not finite, as its user sees it."""

from __future__ import annotations

from pathlib import Path

import pytest
from short_run import SHORT_RUN

from wmzoo.cli.main import main
from wmzoo.runs.metrics import read_metrics

SHORT = [*SHORT_RUN, "env=pendulum_swingup", "eval.episodes=1", "trainer.iterations=6", "eval.every=6", "save.every=2"]
DIVERGES = """
import torch, wmzoo
from wmzoo.dynamics.mlp import MLPDynamics

@wmzoo.register("dynamics", "diverging", params={"units": "${model.units}", "simnorm_dim": "${model.simnorm_dim}"})
class Diverging(MLPDynamics):
    calls = 0
    def forward(self, z, a, task_emb=None):
        z_next = super().forward(z, a, task_emb)
        type(self).calls += torch.is_grad_enabled()
        return z_next * float("inf") if 40 < self.calls < 45 else z_next
"""


@pytest.fixture
def command(tmp_path: Path, own_registry: None) -> list[str]:
    (tmp_path / "diverging.py").write_text(DIVERGES)
    return ["train", *SHORT, "dynamics=diverging", "--plugin", str(tmp_path / "diverging.py")]


def test_stop_ends_the_run_with_what_where_and_the_last_good_checkpoint(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert main([*command, f"run_dir={run}"]) == 3
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("wmzoo: the")]
    newest = sorted((run / "checkpoints").iterdir())[-1]
    what = "the latent in the model's update is not finite, in iteration 5"
    assert line == f"wmzoo: {what}; last checkpoint: {newest}"
    assert newest.name == "00000004" and [row["iteration"] for row in read_metrics(run)] == [1, 2, 3, 4]


def test_skip_goes_on_to_the_end_and_counts(command: list[str], tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert main([*command, f"run_dir={run}", "on_nonfinite=skip"]) == 0
    rows = read_metrics(run)
    assert [row["nonfinite"] for row in rows] == [0, 0, 0, 0, 1, 1]
    assert rows[4]["wm_loss"] is None and rows[5]["wm_loss"] is not None

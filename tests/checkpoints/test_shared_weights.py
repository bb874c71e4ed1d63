"""Weights that two modules share: trained, saved, shared, resumed like others."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from short_run import SHORT_RUN

import wmzoo
from wmzoo.checkpoints.find import list_checkpoints
from wmzoo.cli.main import main
from wmzoo.contracts.dynamics import check_save_and_load
from wmzoo.contracts.trainer import CLOCKS
from wmzoo.runs.metrics import read_metrics

TIED = """
import torch
import wmzoo
from wmzoo.dynamics import Dynamics
from wmzoo.nets import SimNorm

@wmzoo.register("dynamics", "tied")
class Tied(Dynamics):
    def __init__(self, *, latent_dim: int, action_dim: int, task_dim: int = 0) -> None:
        super().__init__()
        self.into = torch.nn.Linear(latent_dim + action_dim + task_dim, latent_dim)
        self.first, self.second = torch.nn.Linear(latent_dim, latent_dim), torch.nn.Linear(latent_dim, latent_dim)
        self.second.weight = self.first.weight
        self.norm = SimNorm(8)

    def forward(self, z, a, task_emb=None):
        h = self.into(torch.cat([z, a, *([] if task_emb is None else [task_emb])], -1))
        return self.norm(self.second(self.first(h).tanh()))
"""
UNSAVABLE = TIED.replace('"tied"', '"unsavable"').replace(
    "        self.norm =",
    "        self.register_buffer('table', torch.zeros(3, dtype=torch.complex128))\n        self.norm =",
)
SHORT = [*SHORT_RUN, "env=pendulum_swingup", "eval.episodes=1", "save.every=1", "eval.every=2"]

pytestmark = pytest.mark.usefixtures("own_registry")


@pytest.mark.slow
def test_a_tied_plugin_is_trained_saved_and_resumed_bit_for_bit(tmp_path: Path) -> None:
    (tmp_path / "tied.py").write_text(TIED)
    words = ["train", *SHORT, "dynamics=tied", "trainer.iterations=2", "--plugin", str(tmp_path / "tied.py")]
    assert main([*words, f"run_dir={tmp_path / 'run'}"]) == 0
    dynamics = wmzoo.load(tmp_path / "run").world_model.dynamics
    assert dynamics.second.weight is dynamics.first.weight
    shutil.copytree(tmp_path / "run", tmp_path / "cut")
    shutil.rmtree(list_checkpoints(tmp_path / "cut")[-1])
    assert main(["resume", str(tmp_path / "cut")]) == 0
    whole, resumed = (
        [{key: row[key] for key in row if key not in CLOCKS} for row in read_metrics(tmp_path / name)]
        for name in ("run", "cut")
    )
    assert whole == resumed
    files = [list_checkpoints(tmp_path / name)[-1] / "model.safetensors" for name in ("run", "cut")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_each_of_the_names_has_the_numbers_in_the_file(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    (tmp_path / "tied.py").write_text(TIED)
    agent = wmzoo.build_agent(wmzoo.compose(["size=tiny", "dynamics=tied", f"plugins=[{tmp_path / 'tied.py'}]"]), 3, 1)
    agent.save(tmp_path / "bundle")
    found = load_file(tmp_path / "bundle" / "model.safetensors")
    first, second = (found[f"world_model.dynamics.{name}.weight"] for name in ("first", "second"))
    assert torch.equal(first, second) and torch.equal(first, agent.world_model.dynamics.first.weight)


def test_the_contract_of_dynamics_lets_weights_be_shared(tmp_path: Path) -> None:
    (tmp_path / "tied.py").write_text(TIED)
    wmzoo.compose([f"plugins=[{tmp_path / 'tied.py'}]"])
    check_save_and_load(lambda task_dim: wmzoo.build("dynamics", "tied", latent_dim=16, action_dim=2))


def test_a_state_that_no_checkpoint_can_hold_is_told_before_the_run_begins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "plugin.py").write_text(UNSAVABLE)
    words = ["train", *SHORT, "dynamics=unsavable", "--plugin", str(tmp_path / "plugin.py")]
    assert main([*words, f"run_dir={tmp_path / 'run'}"]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("wmzoo:")]
    assert "no checkpoint can hold world_model.dynamics.table, complex128[3]" in line
    assert not (tmp_path / "run").exists()

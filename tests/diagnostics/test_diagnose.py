"""Every diagnostic is of the task that is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from saved_agents import saved

import wmzoo
from wmzoo.diagnostics.diagnose import diagnose
from wmzoo.diagnostics.files import table


@pytest.mark.slow
def test_every_diagnostic_is_told_the_task(tmp_path: Path) -> None:
    """With another vector for the task each figure is another, and with another one for another task none is."""
    agent = wmzoo.load(saved(tmp_path / "agent", dynamics="flow"))
    table = agent.world_model.task_embedding.table.weight
    before = diagnose(agent, [1, 3], 6, 8, 2, "cartpole-swingup")
    with torch.no_grad():
        table[2] = table[0]
    after = diagnose(agent, [1, 3], 6, 8, 2, "cartpole-swingup")
    with torch.no_grad():
        table[0] = table[1]  # which is nothing to cartpole-swingup
    assert diagnose(agent, [1, 3], 6, 8, 2, "cartpole-swingup") == after
    for key in ("esnr", "gradient_variance", "jacobian", "flow_paths", "gradient_accuracy"):
        assert before[key] != after[key], key
    for key in ("latent_error", "reward_r2", "return_error", "latent_norm"):
        assert before["open_loop"][key] != after["open_loop"][key], key


@pytest.mark.slow
def test_where_the_simulator_has_no_gradients_it_is_told_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    agent = wmzoo.load(saved(tmp_path / "agent", "env=cartpole_swingup"))
    monkeypatch.setattr("wmzoo.envs.simulated.SimulatedVectorEnv.why_new_episodes", lambda env: "no state is saved")
    figures = diagnose(agent, [1, 3], 6, 8, 2)
    assert figures["gradient_accuracy"] == {"why": "no state is saved"}
    assert "no gradient accuracy: no state is saved" in table(figures)
    assert "gradient_accuracy" not in diagnose(agent, [1, 3], 6, 8, 2, moments=0)

"""What a full replay adds to the memory of saving and of resuming."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from memory import taken
from short_run import SHORT_RUN

import wmzoo
from wmzoo.agent.build import build_agent
from wmzoo.checkpoints.find import list_checkpoints
from wmzoo.checkpoints.state import load_state, save_state
from wmzoo.cli.main import main
from wmzoo.data.replay import ReplayBuffer
from wmzoo.errors import WmzooError
from wmzoo.runs.train import resume
from wmzoo.trainers.build import _check_memory

ROWS, ENVS = 4_000_000, 4
REPLAY = ROWS * 4 * (3 + 1 + 1 + 1)  # bytes: observation, action, reward and episode of a row


def fill(bundle: Path) -> None:
    """The state as if the ring had been filled."""
    state: dict[str, Any] = load_state(bundle)
    rows = ROWS // ENVS
    state["replay"] |= {
        "obs": torch.zeros(rows, ENVS, 3),
        "action": torch.zeros(rows, ENVS, 1),
        "reward": torch.zeros(rows, ENVS),
        "episode": torch.zeros(rows, ENVS, dtype=torch.int32),
        "counters": torch.tensor([1, rows]),
    }
    save_state(bundle, state)


@pytest.mark.slow
def test_a_full_replay_is_resumed_without_a_second_one_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    words = [*SHORT_RUN, "env=pendulum_swingup", "dynamics=mlp", "eval.episodes=1", "trainer.iterations=1"]
    monkeypatch.setattr("wmzoo.runs.train.why_no_video", lambda cfg: "none")
    assert main(["train", *words, f"trainer.buffer_size={ROWS}", f"run_dir={run}"]) == 0
    monkeypatch.setattr("wmzoo.runs.train._train", lambda *given: None)
    nearly_empty = taken(lambda: resume(run))
    fill(list_checkpoints(run)[-1])
    assert taken(lambda: resume(run)) - nearly_empty < REPLAY / 8


def test_a_full_replay_is_saved_without_a_second_one_in_memory(tmp_path: Path) -> None:
    replay = ReplayBuffer(ROWS, ENVS, 3, 1, 10, torch.Generator())
    replay.filled = ROWS // ENVS
    assert taken(lambda: save_state(tmp_path, {"replay": replay.state_dict()})) < REPLAY / 8


@pytest.mark.parametrize("size", ["small", "tiny"])
def test_what_a_training_needs_is_counted_before_it_is_taken(size: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One byte less than is needed is too little: five of each weight, the actor's average and its last 32 gradients,
    the replay."""
    cfg = wmzoo.compose([f"size={size}", "trainer.buffer_size=1000"])
    counts = build_agent(cfg, 5, 1).parameter_counts()
    needed = 4 * (5 * counts["total"] + 33 * counts["actor"] + 1000 * (5 + 1 + 3))
    monkeypatch.setattr("os.sysconf", lambda name: {"SC_PHYS_PAGES": needed, "SC_PAGE_SIZE": 1}[name])
    _check_memory(cfg, 5, 1)
    monkeypatch.setattr("os.sysconf", lambda name: {"SC_PHYS_PAGES": needed - 1, "SC_PAGE_SIZE": 1}[name])
    with pytest.raises(WmzooError, match="take a smaller size="):
        _check_memory(cfg, 5, 1)

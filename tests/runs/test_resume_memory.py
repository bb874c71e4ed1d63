"""What a full replay adds to the memory of saving and of resuming: measured in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from short_run import SHORT_RUN

import wmzoo
from wmzoo.agent.build import build_agent
from wmzoo.checkpoints.find import list_checkpoints
from wmzoo.checkpoints.state import load_state, save_state
from wmzoo.cli.main import main
from wmzoo.errors import WmzooError
from wmzoo.trainers.build import _check_memory

ROWS, ENVS = 8_000_000, 4
REPLAY = ROWS * 4 * (3 + 1 + 1 + 1)  # bytes: observation, action, reward and episode of a row

PEAK = """
import sys
from pathlib import Path
def peak():  # not getrusage's, in which a child begins with its parent's
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024
"""
RESUME = (
    PEAK
    + """
from wmzoo.runs import train
train.why_no_video, train._train, train.record_video = lambda cfg: "none", lambda *given: None, None
train.resume(Path(sys.argv[1]))
print(peak())
"""
)
SAVE = (
    PEAK
    + """
import torch
from wmzoo.checkpoints.state import save_state
from wmzoo.data.replay import ReplayBuffer
replay = ReplayBuffer(ROWS, ENVS, 3, 1, 10, torch.Generator())
replay.filled = ROWS // ENVS
before = peak()
save_state(Path(sys.argv[1]), {"replay": replay.state_dict()})
print(peak() - before)
"""
)


def told(code: str, *words: Path) -> int:
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    return int(done.stdout.splitlines()[-1])


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


def test_a_full_replay_is_resumed_without_a_second_one_in_memory(tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = [*SHORT_RUN, "env=pendulum_swingup", "dynamics=mlp", "eval.episodes=1", "trainer.iterations=1"]
    assert main(["train", *words, f"trainer.buffer_size={ROWS}", f"run_dir={run}"]) == 0
    nearly_empty = told(RESUME, run)
    fill(list_checkpoints(run)[-1])
    assert told(RESUME, run) - nearly_empty < REPLAY / 8


def test_a_full_replay_is_saved_without_a_second_one_in_memory(tmp_path: Path) -> None:
    code = SAVE.replace("ROWS", str(ROWS)).replace("ENVS", str(ENVS))
    assert told(code, tmp_path) < REPLAY / 8


@pytest.mark.parametrize("size", ["small", "tiny"])
def test_what_a_training_needs_is_counted_before_it_is_taken(size: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One byte less than is needed is too little: five of each weight, the actor's last 32 gradients, the replay."""
    cfg = wmzoo.compose([f"size={size}", "trainer.buffer_size=1000"])
    counts = build_agent(cfg, 5, 1).parameter_counts()
    needed = 4 * (5 * counts["total"] + 32 * counts["actor"] + 1000 * (5 + 1 + 3))
    monkeypatch.setattr("os.sysconf", lambda name: {"SC_PHYS_PAGES": needed, "SC_PAGE_SIZE": 1}[name])
    _check_memory(cfg, 5, 1)
    monkeypatch.setattr("os.sysconf", lambda name: {"SC_PHYS_PAGES": needed - 1, "SC_PAGE_SIZE": 1}[name])
    with pytest.raises(WmzooError, match="take a smaller size="):
        _check_memory(cfg, 5, 1)

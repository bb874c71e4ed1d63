"""The measurement of one update at full size, run at the smallest."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.slow
def test_an_update_in_one_process_and_in_two_is_measured_and_comes_to_one_loss(tmp_path: Path) -> None:
    out = tmp_path / "found.json"
    words = ["--size", "tiny", "--batch", "16", "--out", str(out)]
    environment = {**os.environ, "PYTHONPATH": str(BENCHMARKS.parent), "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, str(BENCHMARKS / "pretrain_48m.py"), *words], check=True, env=environment)
    found = json.loads(out.read_text())
    one, two = found["one_process"], found["two_processes"]
    assert found["command"].endswith("--size tiny --batch 16") and found["precision"] == "bfloat16"
    assert math.isfinite(one["loss"]) and one["seconds"] > 0 and one["peak_memory_gib"] > 0.05
    assert len(two["seconds"]) == len(two["threads"]) == 2 and two["loss_and_weights_equal"]
    assert two["loss"] == pytest.approx(one["loss"], rel=0.02)  # in eight bits of mantissa


def test_the_committed_measurement_is_of_the_model_that_it_names() -> None:
    """48M as TD-MPC2 counts: 768 latents, 1792 wide; encoder, dynamics, two-hot reward head, embedding, by hand."""
    found = json.loads((BENCHMARKS / "results" / "speed" / "pretrain_48m.json").read_text())
    latent, wide, task, obs, act, bins, tasks = 768, 1792, 96, 24, 6, 101, 30

    def layers(*widths: int) -> int:
        """Of linear layers with a bias, and a normalisation of two numbers a unit behind all but the last."""
        pairs = list(pairwise(widths))
        return sum(a * b + b for a, b in pairs) + sum(2 * b for _, b in pairs[:-1])

    encoder = layers(obs + task, wide, wide, wide, latent)
    dynamics = layers(latent + act + task, wide, wide, latent)
    reward = layers(latent + act + task, wide, wide, bins)
    assert found["size"] == "48M" and found["precision"] == "bfloat16"
    assert found["parameters"] == pytest.approx(encoder + dynamics + reward + tasks * task, rel=0.01)
    assert found["two_processes"]["loss_and_weights_equal"] and len(found["two_processes"]["seconds"]) == 2

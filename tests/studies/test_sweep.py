"""The table at the end of a sweep."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from wmzoo.runs.metrics import MetricsWriter
from wmzoo.studies.sweep import next_command, note, notes, table

SWEPT = ["dynamics", "seed"]


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Two arms of two seeds, of which one has failed; the runs have 4 evaluations each."""
    folder = tmp_path / "sweep"
    for job, (dynamics, seed) in enumerate([("mlp", 0), ("mlp", 1), ("flow", 0), ("flow", 1)]):
        run = folder / str(job)
        run.mkdir(parents=True)
        writer = MetricsWriter(run / "metrics.jsonl")
        for n in range(1, 9):
            value = 100.0 * job + n if n % 2 == 0 else None
            writer.write({"iteration": n, "env_steps": n, "wall_clock": 10.0 * n, "eval_return": value})
        writer.close()
        overrides = [f"dynamics={dynamics}", f"seed={seed}", "size=tiny"]
        more: dict[str, Any] = {"status": "failed", "error": "no", "exit_code": 2} if job == 1 else {"status": "done"}
        note(folder, job, overrides=overrides, folder=str(run), **more)
    return folder


def test_every_run_has_its_line_with_what_sets_it_apart(sweep: Path) -> None:
    assert table(notes(sweep, 0), SWEPT, sweep) == [
        f"4 runs in {sweep}",
        "run                   last 3 evaluations  took     folder",
        "dynamics=mlp seed=0   4.00 6.00 8.00      0:01:20  0",
        "dynamics=mlp seed=1   failed                       1",
        "dynamics=flow seed=0  204 206 208         0:01:20  2",
        "dynamics=flow seed=1  304 306 308         0:01:20  3",
    ]


def test_an_earlier_sweep_in_the_same_folder_is_left_out(sweep: Path) -> None:
    os.utime(sweep / "notes" / "3.json", (1, 1))
    assert [one["job"] for one in notes(sweep, 100.0)] == [0, 1, 2]


def test_the_command_compares_the_arms_by_the_keys_that_tell_them_apart(sweep: Path, tmp_path: Path) -> None:
    ended = notes(sweep, 0)
    assert next_command(ended, SWEPT, sweep) == f"wmzoo compare {sweep} --by dynamics --out report"
    assert next_command(ended, ["seed"], sweep) is None
    assert next_command(ended[:2], SWEPT, sweep) is None  # one arm has finished
    elsewhere = [one | {"folder": str(tmp_path / f"a b{one['job']}")} for one in ended]
    assert next_command(elsewhere, SWEPT, sweep) == (
        f"wmzoo compare '{tmp_path}/a b0' '{tmp_path}/a b2' '{tmp_path}/a b3' --by dynamics --out report"
    )

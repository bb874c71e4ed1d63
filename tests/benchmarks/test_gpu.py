"""The script for a machine with a GPU, by its dry run on a CPU."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FEW = ["env.num_envs=4", "trainer.horizon=4", "trainer.batch_size=8", "recipe.model_updates=1", "threads=1"]


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, with the contract of one dynamics; the checks of all are the suite's."""
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    script = importlib.import_module("gpu")
    monkeypatch.setattr(script, "list_entries", lambda kind: ["mlp"])
    return script


@pytest.fixture
def dry_run(gpu: ModuleType, tmp_path: Path) -> Callable[..., tuple[int, dict[str, Any]]]:
    """Its exit code and what it wrote."""

    def run(*words: str) -> tuple[int, dict[str, Any]]:
        out = tmp_path / "gpu.json"
        code = gpu.main([*FEW, "--device", "cpu", "--out", str(out), *words])
        return code, json.loads(out.read_text())

    return run


@pytest.mark.slow
def test_a_dry_run_checks_times_both_dynamics_and_writes_it_down(
    dry_run: Callable[..., tuple[int, dict[str, Any]]], capsys: pytest.CaptureFixture[str]
) -> None:
    code, facts = dry_run()
    assert code == 0 and facts["gpu"] is None
    assert facts["checks"]["fails"] == {} and facts["checks"]["holds"] >= 1  # that of a GPU does not apply
    (size,) = facts["sizes"]
    assert size["size"] == "tiny" and size["left_out"] == []
    for row, who in zip(size["rows"], ("mlp", "flow"), strict=True):
        assert row["who"] == who and row["memory_bytes"] is None
        assert 0 < row["environment"]["median"] < row["iteration"]["median"] < 60
    assert "tiny flow: " in capsys.readouterr().out


@pytest.mark.slow
def test_what_there_is_no_time_for_is_left_out_and_named_and_a_check_that_fails_is_told(
    gpu: ModuleType,
    dry_run: Callable[..., tuple[int, dict[str, Any]]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gpu, "judged", lambda case, file: ("fails", "no reason"))
    code, facts = dry_run("--minutes", "0")
    assert code == 1 and set(facts["checks"]["fails"].values()) == {"no reason"}
    assert facts["sizes"] == [{"size": "tiny", "rows": [], "left_out": ["mlp", "flow"]}]
    said = capsys.readouterr().out
    assert "tiny mlp: left out, no time" in said and ": no reason" in said

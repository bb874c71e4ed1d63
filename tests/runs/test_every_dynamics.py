"""What every dynamics of the zoo goes through: trained, evaluated and trained on, by the commands."""

from __future__ import annotations

from pathlib import Path

import pytest
from short_run import SHORT_RUN

from wmzoo.cli.main import main
from wmzoo.config import rules
from wmzoo.config.composition import compose
from wmzoo.registry import get, list_entries
from wmzoo.runs.metrics import read_metrics

NAMES = list_entries("dynamics")


@pytest.mark.parametrize("name", [name for name in NAMES if get("dynamics", name).params.get("units") == "match"])
def test_widths_that_were_matched_are_those_of_a_config(name: str) -> None:
    """As a run's config has them, which is checked when it is loaded."""
    cfg = compose([f"dynamics={name}"])
    cfg.dynamics.units = [83, 83]
    rules.check(cfg, rules.every(cfg))


@pytest.mark.slow
@pytest.mark.usefixtures("no_video")
@pytest.mark.parametrize("name", NAMES)
def test_it_is_trained_evaluated_and_trained_on_by_the_commands(name: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    task = ["env=pendulum_swingup", "trainer.iterations=1", "eval.episodes=1"]
    assert main(["train", *SHORT_RUN, *task, f"dynamics={name}", f"run_dir={run}"]) == 0
    assert main(["evaluate", str(run), "--episodes", "1"]) == 0
    assert main(["resume", str(run), "trainer.iterations=2"]) == 0
    assert [row["iteration"] for row in read_metrics(run)] == [1, 2]

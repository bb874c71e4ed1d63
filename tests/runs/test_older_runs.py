"""Runs of the version before the rooms (tests/fixtures/runs_before_rooms) load, evaluate and go on in this one.

They had 4 iterations with checkpoints at 2 and 4, of which the first alone is kept; of two of recipe=paper, which has
stayed what it was, the numbers alone. On the type of processor that made them all numbers come again bit for bit;
others round otherwise, so they are compared to five digits.
"""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

import wmzoo
from wmzoo.checkpoints.find import list_checkpoints
from wmzoo.cli.main import main
from wmzoo.compute.device import arithmetic
from wmzoo.contracts.trainer import CLOCKS
from wmzoo.envs.build import build_env, evaluation_seed
from wmzoo.evaluation.episodes import evaluate
from wmzoo.runs.metrics import read_metrics

RUNS = Path(__file__).parents[1] / "fixtures" / "runs_before_rooms"
either = pytest.mark.parametrize("name", ["mlp", "flow"])


def close(expected: Any) -> Any:
    return pytest.approx(expected, rel=1e-5, abs=1e-8)


def recorded(run: Path, iteration: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "eval" / f"{iteration:08d}.json").read_text())
    return found


def assert_same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    """Figures, lists of them and nulls; a column that is new since then may be there, too."""
    for key in expected.keys() - CLOCKS:
        value = expected[key]
        assert found[key] == (close(value) if isinstance(value, float | list) else value), key


@either
def test_it_loads_with_all_that_its_config_says(name: str) -> None:
    agent = wmzoo.load(RUNS / name)
    assert agent.cfg.dynamics.name == name and agent.cfg.checkpoint.iteration == 2
    told = json.loads((RUNS / name / "run.json").read_text())["parameters"]
    assert agent.parameter_counts() == told
    assert all(torch.isfinite(tensor).all() for tensor in agent.state_dict().values())


@either
def test_it_evaluates_to_what_it_recorded(name: str) -> None:
    agent, before = wmzoo.load(RUNS / name), recorded(RUNS / name, 2)
    env = build_env(agent.cfg, agent.cfg.eval.episodes)
    with arithmetic(agent.cfg):
        found = evaluate(agent, env, evaluation_seed(agent.cfg))
    assert before["seed"] == evaluation_seed(agent.cfg)
    assert list(found.returns) == close(before["returns"]) and list(found.lengths) == before["lengths"]


@either
@pytest.mark.usefixtures("no_video")
def test_it_goes_on_to_the_numbers_that_it_had(name: str, tmp_path: Path) -> None:
    run = tmp_path / name
    shutil.copytree(RUNS / name, run)
    assert main(["resume", str(run)]) == 0
    before, after = read_metrics(RUNS / name), read_metrics(run)
    assert [row["iteration"] for row in after] == [1, 2, 3, 4] and after[:2] == before[:2]
    for found, expected in zip(after[2:], before[2:], strict=True):
        assert_same(found, expected)
    assert_same(recorded(run, 4), recorded(RUNS / name, 4))
    assert [bundle.name for bundle in list_checkpoints(run)] == ["00000002", "00000004"]
    assert json.loads((run / "run.json").read_text())["status"] == "done"


@either
@pytest.mark.usefixtures("no_video")
def test_recipe_paper_has_the_numbers_that_it_had(name: str, tmp_path: Path) -> None:
    before = RUNS / f"paper-{name}"
    words = shlex.split(json.loads((before / "run.json").read_text())["command"])
    assert "recipe=paper" in words
    assert main([*words[1:-1], f"run_dir={tmp_path}"]) == 0
    for found, expected in zip(read_metrics(tmp_path), read_metrics(before), strict=True):
        assert_same(found, expected)

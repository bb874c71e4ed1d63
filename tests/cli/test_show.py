"""`wmzoo show`: an entry's facts and parameters, as they are typed."""

from __future__ import annotations

import pytest

from wmzoo.cli.main import main


def test_show_prints_facts_and_parameters_as_they_are_typed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "dynamics", "flow"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "default_loss rectified_flow" in out
    assert "dynamics.condition_on_source false" in out
    assert "dynamics.substeps 2" in out


def test_show_knows_the_named_tasks_that_list_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "env", "walker_walk"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert out.startswith("env=walker_walk env=dmc env.task=walker-walk") and "env.task walker-walk" in out

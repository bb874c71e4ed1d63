"""`wmzoo doctor` tells what works here, and names a bad pair, a broken suite and a missing extra with the mend."""

from __future__ import annotations

import json
import sys
from importlib import metadata
from typing import Any

import pytest

from wmzoo.cli import doctor
from wmzoo.cli.main import main


def report(capsys: pytest.CaptureFixture[str], code: int = 0) -> dict[tuple[str, str], dict[str, Any]]:
    assert main(["doctor", "--json"]) == code
    return {(row["topic"], row["name"]): row for row in json.loads(capsys.readouterr().out)}


def pretend(monkeypatch: pytest.MonkeyPatch, **versions: str | None) -> None:
    real = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: versions.get(name, real(name)))


def test_here_everything_that_is_needed_works(capsys: pytest.CaptureFixture[str]) -> None:
    found = report(capsys)
    assert found["suites", "dmc"]["ok"] and found["suites", "gymnasium"]["ok"]
    assert found["versions", "torch"]["text"] == metadata.version("torch")
    assert found["device", "cpu"]["ok"] and ("rendering", "mujoco") in found
    assert found["extras", "test"]["ok"] is True


def test_as_a_table_every_topic_is_named_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == [
        "versions",
        "device",
        "suites",
        "rendering",
        "extras",
    ]


def test_a_known_bad_pair_is_a_fault_with_its_mend(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, mujoco="4.0.0", dm_control="1.0.50")
    row = report(capsys, code=1)["versions", "mujoco with dm_control"]
    assert row["ok"] is False and "flex_vertedge" in row["text"] and row["mend"] == "pip install 'mujoco<4'"


@pytest.mark.parametrize(("mujoco", "fault"), [("3.3.0", False), ("3.17.0", True), (None, False)])
def test_metaworld_goes_with_one_mujoco(monkeypatch: pytest.MonkeyPatch, mujoco: str | None, fault: bool) -> None:
    pretend(monkeypatch, mujoco=mujoco, metaworld="3.1.1", dm_control="1.0.28")
    assert [row.ok for row in doctor.bad_pairs()] == ([False] if fault else [])


def test_a_suite_that_does_not_work_is_a_fault(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Any, *args: Any, **kwargs: Any) -> None:
        raise AttributeError("'MjModel' object has no attribute 'flex_vertedge'")

    monkeypatch.setattr("wmzoo.envs.dmc.DmcVectorEnv.__init__", broken)
    assert main(["doctor"]) == 1
    captured = capsys.readouterr()
    assert "FAULT  dmc" in captured.out and "flex_vertedge" in captured.out
    assert captured.err == "wmzoo: 2 faults: suites dmc, suites multitask\n"  # which plays its tasks


def test_a_suite_of_an_extra_that_is_not_installed_is_no_fault_and_names_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in [name for name in sys.modules if name.startswith("wmzoo.envs.metaworld")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "metaworld.env_dict", None)  # as if it were not there
    (row,) = [finding for finding in doctor.suites() if finding.name == "metaworld"]
    assert row.ok is None and "pip install 'wmzoo[metaworld]'" in row.text


def test_without_dm_control_its_suite_is_a_fault_that_names_the_one_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wmzoo.registry.list_entries", lambda kind: ["dmc"])
    for module in ("wmzoo.envs.dmc", "wmzoo.envs.dmc_tasks"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.delattr("wmzoo.envs.dmc_tasks", raising=False)
    monkeypatch.setitem(sys.modules, "dm_control", None)  # as if it were not there
    (row,) = doctor.suites()
    assert row.ok is False and "pip install --no-deps dm_control==" in row.text


def test_a_missing_extra_is_no_fault_and_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_version", lambda name: None if name == "wandb" else "1")
    (row,) = [finding for finding in doctor.extras() if finding.name == "wandb"]
    assert row.ok is None and row.text == "not installed: wandb" and row.mend == "pip install 'wmzoo[wandb]'"

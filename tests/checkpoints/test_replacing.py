"""A bundle that is saved over another one: whatever fails, there is a whole one under its name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import wmzoo
from wmzoo.agent.build import build_agent
from wmzoo.agent.load import load


def agent(seed: int) -> Any:
    return build_agent(wmzoo.compose(["size=tiny", "dynamics=mlp", f"seed={seed}"]), 3, 1)


def seed_of(bundle: Path) -> int:
    return int(load(bundle).cfg.seed)


@pytest.mark.parametrize("error", [OSError("busy"), KeyboardInterrupt()])
def test_the_former_bundle_is_back_in_its_place_where_the_last_rename_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    agent(1).save(tmp_path / "bundle")

    rename = os.rename

    def fails(source: Any, target: Any) -> None:
        if (Path(source) / "config.yaml").exists() and seed_of(Path(source)) == 2:  # the new one cannot be put there
            raise error
        rename(source, target)

    monkeypatch.setattr(os, "rename", fails)
    with pytest.raises(type(error)):
        agent(2).save(tmp_path / "bundle")
    monkeypatch.undo()
    assert seed_of(tmp_path / "bundle") == 1 and os.listdir(tmp_path) == ["bundle"]
    agent(3).save(tmp_path / "bundle")
    assert seed_of(tmp_path / "bundle") == 3 and os.listdir(tmp_path) == ["bundle"]


def test_a_save_that_fails_after_a_kill_between_the_renames_puts_the_former_bundle_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent(1).save(tmp_path / "bundle")
    (tmp_path / "bundle").rename(tmp_path / ".bundle-former.tmp")  # as the kill left it
    monkeypatch.setattr("wmzoo.checkpoints.write.write_tensors", lambda *given: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        agent(2).save(tmp_path / "bundle")
    assert seed_of(tmp_path / "bundle") == 1 and os.listdir(tmp_path) == ["bundle"]

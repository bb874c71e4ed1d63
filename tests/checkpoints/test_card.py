"""A model card tells where an agent is from, and no result that there is not."""

from __future__ import annotations

from pathlib import Path

import wmzoo
from wmzoo.registry import get, list_entries

NAMES = list_entries("checkpoint")


def test_an_agent_saved_again_keeps_where_it_came_from(tmp_path: Path) -> None:
    agent = wmzoo.load(NAMES[0])
    agent.save(tmp_path / "again", licence="CC0-1.0")
    text = (tmp_path / "again" / "README.md").read_text(encoding="utf-8")
    assert "| licence | CC0-1.0 |" in text and f"`{get('checkpoint', NAMES[0]).reference}`" in text
    assert wmzoo.load(tmp_path / "again").cfg.checkpoint.origin == agent.cfg.checkpoint.origin


def test_a_fresh_agent_has_a_card_without_a_result(tmp_path: Path) -> None:
    agent = wmzoo.build_agent(wmzoo.compose(["size=tiny", "dynamics=flow", "integrator=rk4"]), obs_dim=5, act_dim=1)
    agent.save(tmp_path / "fresh")
    text = (tmp_path / "fresh" / "README.md").read_text(encoding="utf-8")
    assert "`flow` with `rk4` (K=2) on cartpole-swingup" in text and "return" not in text

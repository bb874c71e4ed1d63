"""A policy filmed: what is said, and what is left where nothing can be drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imageio.v2 as imageio
import numpy as np
import pytest
import torch
from composed import composed

from wmzoo.agent.agent import Agent
from wmzoo.agent.build import build_agent
from wmzoo.envs.dmc_simulator import DmcSimulator
from wmzoo.errors import WmzooError
from wmzoo.runs.film import film, why_no_video


@pytest.fixture
def agent() -> Agent:
    torch.manual_seed(0)
    return build_agent(composed("size=tiny", "env=pendulum_swingup", "env.episode_length=20"), 3, 1)


@pytest.fixture
def painted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulation shows how high the pendulum is, as a grey: no GL is needed."""

    def render(self: Any, width: int, height: int) -> Any:
        return np.full((height, width, 3), 128 + 100 * self.physics.pole_vertical(), dtype=np.uint8)

    monkeypatch.setattr(DmcSimulator, "render", render)
    monkeypatch.setattr(DmcSimulator, "check_rendering", lambda self: None)


@pytest.mark.usefixtures("painted")
def test_an_episode_becomes_a_video_as_fast_as_life_with_a_line_before_and_one_after(
    agent: Agent, tmp_path: Path
) -> None:
    said: list[str] = []
    assert film(agent, agent.cfg, 7, tmp_path / "video.mp4", said.append)
    assert said[0] == "video: drawing an episode, up to 20 frames"  # steps of 0.04 s
    assert said[1].startswith(f"video: {tmp_path / 'video.mp4'} (return ") and len(said) == 2
    with imageio.get_reader(tmp_path / "video.mp4") as reader:
        assert reader.get_meta_data()["size"] == (320, 240) and reader.get_meta_data()["fps"] == 25
        assert sum(1 for _ in reader) == 20


def test_what_cannot_be_drawn_is_told_in_a_line_and_nothing_is_played(
    agent: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def blind(self: Any) -> None:
        raise WmzooError("no rendering: install libegl1")

    monkeypatch.setattr(DmcSimulator, "check_rendering", blind)
    monkeypatch.setattr("wmzoo.runs.film.evaluate", lambda *_, **__: pytest.fail("played"))
    said: list[str] = []
    assert not film(agent, agent.cfg, 7, tmp_path / "video.mp4", said.append)
    assert said == ["no video: no rendering: install libegl1"] and not list(tmp_path.iterdir())
    assert why_no_video(agent.cfg) == "no rendering: install libegl1"

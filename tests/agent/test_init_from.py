"""Starting from another run's weights."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from composed import composed

import wmzoo
from wmzoo.agent.build import build_agent
from wmzoo.agent.init_from import init_from
from wmzoo.errors import WmzooError


def test_matching_weights_are_taken_over_and_the_rest_is_named(tmp_path: Path) -> None:
    source = build_agent(composed("size=tiny", "dynamics=mlp", "seed=1"), 5, 1)
    source.save(tmp_path / "source")
    agent = build_agent(composed("size=tiny", "dynamics=flow", "seed=2"), 5, 1)
    line = init_from(agent, tmp_path / "source")
    assert agent.actor is not None and source.actor is not None
    for ours, theirs in zip(agent.actor.parameters(), source.actor.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    assert line.endswith("; starting fresh: dynamics (there it is mlp)")
    assert "took over encoder, " in line and all(part in line for part in ("reward_head", "actor", "critic"))


def test_a_part_of_which_only_some_tensors_fit_starts_fresh_as_a_whole(tmp_path: Path) -> None:
    build_agent(composed("size=tiny", "dynamics=mlp", "seed=1"), 5, 1).save(tmp_path / "source")
    agent = build_agent(composed("size=tiny", "dynamics=mlp", "dynamics.units=[64,48]", "seed=2"), 5, 1)
    before = {name: value.clone() for name, value in agent.world_model.dynamics.state_dict().items()}
    line = init_from(agent, tmp_path / "source")
    assert re.search(r"starting fresh: dynamics \(\d+ of its \d+ tensors fit\)", line), line
    assert all(torch.equal(value, before[name]) for name, value in agent.world_model.dynamics.state_dict().items())


def test_weights_that_are_not_finite_and_bundles_of_another_version_are_refused(tmp_path: Path) -> None:
    source = build_agent(composed("size=tiny"), 5, 1)
    agent = build_agent(composed("size=tiny"), 5, 1)
    with torch.no_grad():
        next(source.parameters()).fill_(float("nan"))
    source.save(tmp_path / "source")
    for read in (lambda: init_from(agent, tmp_path / "source"), lambda: wmzoo.load(tmp_path / "source")):
        with pytest.raises(WmzooError, match=r"model.safetensors: .* has numbers that are not finite"):
            read()
    config = tmp_path / "source" / "config.yaml"
    config.write_text(config.read_text().replace("format: 1", "format: 9"))
    with pytest.raises(WmzooError, match="checkpoint.format is 9"):
        init_from(agent, tmp_path / "source")


def test_moments_of_observations_of_another_width_are_left_whole(tmp_path: Path) -> None:
    source = build_agent(composed("size=tiny"), 5, 1)
    assert source.world_model.observation_moments is not None
    source.world_model.observation_moments.update(torch.randn(100, 5))
    source.save(tmp_path / "source")
    agent = build_agent(composed("size=tiny"), 7, 1)
    assert "observation_moments" in init_from(agent, tmp_path / "source")
    assert agent.world_model.observation_moments is not None and agent.world_model.observation_moments.count == 0


def test_weights_of_which_none_fits_are_refused(tmp_path: Path) -> None:
    build_agent(composed("size=tiny"), 5, 1).save(tmp_path / "source")
    weights = tmp_path / "source" / "model.safetensors"
    from safetensors.torch import save_file

    save_file({"something.else": torch.zeros(3)}, weights)
    with pytest.raises(WmzooError, match=r"model\.safetensors: no part of it fits this agent"):
        init_from(build_agent(composed("size=tiny"), 5, 1), tmp_path / "source")

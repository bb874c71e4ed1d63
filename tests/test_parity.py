"""The width at which a dynamics has the baseline's capacity, against a search through all widths."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import wmzoo
from wmzoo.agent.build import baseline, build_dynamics, matched_units, with_matched_units
from wmzoo.config.composition import options


def count(units: list[int]) -> int:
    """Parameters of an MLP 20 -> units -> 7 with biases."""
    widths = [20, *units, 7]
    return sum((i + 1) * o for i, o in pairwise(widths))


@given(st.lists(st.integers(1, 40), min_size=1, max_size=3), st.integers(100, 20_000))
def test_no_other_width_in_the_same_proportions_comes_nearer(shape: list[int], target: int) -> None:
    every = [[max(1, round(w * unit / shape[0])) for unit in shape] for w in range(1, 800)]
    best = min(abs(count(units) - target) for units in every)
    try:
        found = matched_units(count, shape, target)
    except ValueError:
        assert count(every[0]) > 2 * target
    else:
        assert abs(count(found) - target) <= best


def test_without_hidden_layers_or_with_too_many_parameters_at_the_narrowest_it_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no width to match"):
        matched_units(count, [], 100)
    with pytest.raises(ValueError, match="even the narrowest dynamics has 35 parameters, the baseline 10"):
        matched_units(count, [4], 10)


TASKS = ["model.num_tasks=30", "model.task_dim=96"]


@pytest.mark.parametrize("more", [[], TASKS, ["dynamics.condition_on_source=true"], ["dynamics.coordinates=latent"]])
@pytest.mark.parametrize("size", options("size"))
def test_the_flow_matches_the_baseline_within_two_percent_at_every_size(size: str, more: list[str]) -> None:
    cfg = wmzoo.compose([f"size={size}", "dynamics=flow", "dynamics.units=match", *more])
    with torch.device("meta"):
        counts = [
            sum(p.numel() for p in build_dynamics(c, 6).parameters())
            for c in (cfg, baseline(cfg), with_matched_units(cfg, 6))
        ]
    assert counts[0] == counts[2] == pytest.approx(counts[1], rel=0.02)


def test_the_baseline_matches_itself_and_an_agent_is_built_with_the_matched_width() -> None:
    cfg = wmzoo.compose(["size=tiny", "dynamics=mlp", "dynamics.units=match"])
    assert with_matched_units(cfg, 2).dynamics.units == list(cfg.model.units)
    conditioned = ["size=tiny", "dynamics=flow", "dynamics.condition_on_source=true"]
    agent = wmzoo.build_agent(wmzoo.compose([*conditioned, "dynamics.units=match"]), 3, 2)
    width = agent.world_model.dynamics.net[0].weight.shape[0]
    assert width < 64 and agent.cfg.dynamics.units == "match"
    plain = wmzoo.build_agent(wmzoo.compose([*conditioned, f"dynamics.units=[{width},{width}]"]), 3, 2)
    assert all(torch.equal(a, b) for a, b in zip(agent.parameters(), plain.parameters(), strict=True))

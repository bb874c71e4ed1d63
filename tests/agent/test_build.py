"""The width at which a dynamics has the baseline's capacity, against a search through all widths."""

from __future__ import annotations

import itertools
from itertools import pairwise
from typing import Any

import pytest
import torch
from composed import composed
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

import wmzoo
from wmzoo.agent.build import baseline, build_dynamics, matched_units, with_matched_units
from wmzoo.config.choices import options
from wmzoo.registry import list_entries


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


TASKS = {"model.num_tasks": 30, "model.task_dim": 96}


SIZES = [pytest.param(size, marks=pytest.mark.slow if size != "small" else ()) for size in options("size")]
COARSE = {("ensemble", "tiny"): 0.025}  # where one unit more of five members is a step of 5%


@pytest.mark.parametrize("name", list_entries("dynamics"))
@pytest.mark.parametrize("size", SIZES)
def test_every_dynamics_of_the_zoo_comes_with_the_baseline_s_parameters_within_two_percent(
    size: str, name: str
) -> None:
    cfg = composed(f"size={size}", f"dynamics={name}")
    for more in ({}, TASKS):
        for key, value in more.items():
            OmegaConf.update(cfg, key, value)
        with torch.device("meta"):
            counts = [sum(p.numel() for p in build_dynamics(c, 6).parameters()) for c in (cfg, baseline(cfg))]
        assert counts[0] == pytest.approx(counts[1], rel=COARSE.get((name, size), 0.02))


@pytest.mark.parametrize(
    "more",
    [{}, TASKS, {"dynamics.condition_on_source": True}, {"dynamics.coordinates": "latent"}],
    ids=["", "tasks", "conditioned", "latent"],
)
@pytest.mark.parametrize("size", SIZES)
def test_the_flow_matches_the_baseline_within_two_percent_at_every_size(size: str, more: dict[str, Any]) -> None:
    cfg = composed(f"size={size}", "dynamics=flow", "dynamics.units=match")
    for key, value in more.items():
        OmegaConf.update(cfg, key, value)
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


def test_the_baseline_is_mlp_with_its_own_loss_at_the_same_size() -> None:
    cfg = baseline(wmzoo.compose(["size=tiny", "dynamics=flow", "dynamics.units=[9]"]))
    assert (cfg.dynamics.name, cfg.loss.name, list(cfg.dynamics.units)) == ("mlp", "mse", [64, 64])


VARIANTS = (
    ["dynamics=mlp"],
    ["dynamics=mlp", "dynamics.residual=none"],
    ["dynamics=flow"],
    ["dynamics=flow", "dynamics.condition_on_source=true", "integrator=rk4"],
)


@pytest.mark.parametrize(
    "more", [[], ["model.num_bins=11", "model.num_tasks=3", "model.task_dim=4"]], ids=["", "tasks"]
)
def test_variants_with_one_seed_share_every_initial_part_but_the_dynamics(more: list[str]) -> None:
    agents = [wmzoo.build_agent(wmzoo.compose(["size=tiny", *variant, *more]), 5, 2) for variant in VARIANTS]
    for one, other in itertools.pairwise(agents):
        theirs = other.state_dict()
        shared = {
            name: value for name, value in one.state_dict().items() if not name.startswith("world_model.dynamics")
        }
        assert len(shared) > 20
        assert all(torch.equal(value, theirs[name]) for name, value in shared.items())

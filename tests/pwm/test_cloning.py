"""Behaviour cloning beside the return, in float64 against TD3+BC's formula by hand."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from tiny import ACT, observations, tiny_agent, tiny_pwm

from wmzoo.pwm.cloning import cloning_loss, cloning_weight

ALPHA = 2.5


def test_the_weight_is_alpha_over_the_mean_size_of_returns_and_no_gradient_runs_through_it() -> None:
    returns = torch.tensor([-3.0, 1.0, 8.0], dtype=torch.float64, requires_grad=True)
    weight = cloning_weight(returns, ALPHA)
    assert weight.item() == pytest.approx(2.5 / 4) and not weight.requires_grad
    assert cloning_weight(torch.zeros(3), ALPHA).isfinite()


def test_the_distance_is_over_the_actions_that_a_task_has() -> None:
    chosen, taken = torch.tensor([[0.5, 9.0], [0.0, -1.0]]), torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    assert cloning_loss(chosen, taken).item() == pytest.approx((0.25 + 81 + 1 + 1) / 4)
    assert cloning_loss(chosen, taken, torch.tensor([[1.0, 0.0], [1.0, 1.0]])).item() == pytest.approx(
        (0.25 + 1 + 1) / 3
    )


@pytest.mark.parametrize("scaled", [False, True])
def test_the_actor_descends_its_distance_from_the_data_less_the_weighted_return(scaled: bool) -> None:
    """Also where returns are scaled: the weight sets the proportion whatever their scale."""
    agent, obs = tiny_agent(), observations()
    taken = torch.rand(len(obs), ACT, dtype=torch.float64) - 0.5
    alone = tiny_pwm(copy.deepcopy(agent))
    returns = alone.objective(alone.imagine(obs, 4))
    (-returns.mean()).backward()
    mode = alone.actor(alone.model.encode(obs).detach())
    distance = ((mode - taken) ** 2).mean()
    weight = ALPHA / np.abs(returns.detach().numpy()).mean()
    ascent = [parameter.grad.clone() for parameter in alone.actor.parameters()]
    alone.actor.zero_grad()
    distance.backward()
    cloning = [torch.zeros_like(p) if p.grad is None else p.grad for p in alone.actor.parameters()]
    pwm = tiny_pwm(agent, bc_alpha=ALPHA, return_scale=scaled)
    _, figures = pwm.update_actor(obs, 4, taken=taken)
    for parameter, own, other in zip(pwm.actor.parameters(), ascent, cloning, strict=True):
        torch.testing.assert_close(parameter.grad, weight * own + other, rtol=1e-9, atol=1e-12)
    assert figures["bc_weight"].item() == pytest.approx(weight) and figures["bc_loss"].item() == pytest.approx(
        distance.item()
    )
    wanted = distance.item() - weight * returns.mean().item()
    assert figures["policy_loss"].item() == pytest.approx(wanted)


def test_without_alpha_the_data_s_actions_change_nothing() -> None:
    obs, one, other = observations(), tiny_pwm(tiny_agent()), tiny_pwm(tiny_agent())
    one.update_actor(obs, 3)
    _, figures = other.update_actor(obs, 3, taken=torch.ones(len(obs), ACT, dtype=torch.float64))
    assert "bc_loss" not in figures
    for mine, theirs in zip(one.actor.parameters(), other.actor.parameters(), strict=True):
        assert torch.equal(mine, theirs)

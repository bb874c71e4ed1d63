"""The entropy's bonus and its weight, from their formulas, and what they do to the policy's gradient and the
targets."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
import torch
from returns_by_hand import lambda_return
from tiny import ACT, SETTINGS, TASKS, observations, recipe_of, tiny_agent, tiny_pwm
from torch import Tensor

from wmzoo.pwm.algorithm import PWM
from wmzoo.pwm.entropy import Entropy
from wmzoo.pwm.imagination import Feedback

AUTO: dict[str, Any] = {"entropy": "auto", "entropy_coef": 0.3, "entropy_target": -0.4, "entropy_lr": 0.1}
LOG_DENSITY = torch.tensor([[[0.5, -1.0], [2.0, 0.0]]], dtype=torch.float64)  # H = 1, B = 2, A = 2


def entropy_of(**settings: Any) -> Entropy:
    return Entropy(recipe_of(**{**AUTO, **settings}), torch.device("cpu"))


def test_the_bonus_is_what_each_action_is_less_likely_than_the_target() -> None:
    expected = [0.3 * ((-0.5 + 0.4) + (1.0 + 0.4)), 0.3 * ((-2.0 + 0.4) + (0.0 + 0.4))]
    assert entropy_of().bonus(LOG_DENSITY).tolist() == [pytest.approx(expected)]


def test_actions_that_a_task_lacks_count_neither_in_the_bonus_nor_in_the_entropy() -> None:
    mask = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    entropy = entropy_of()
    expected = [0.3 * (-0.5 + 0.4), 0.3 * ((-2.0 + 0.4) + (0.0 + 0.4))]
    assert entropy.bonus(LOG_DENSITY, mask).tolist() == [pytest.approx(expected)]
    assert entropy.per_action(LOG_DENSITY, mask).item() == pytest.approx((-0.5 - 2.0 - 0.0) / 3)
    assert entropy.per_action(LOG_DENSITY).item() == pytest.approx((-0.5 + 1.0 - 2.0 - 0.0) / 4)


@pytest.mark.parametrize(
    ("found", "moved"), [(-0.4, 0.0), (0.1, -0.05), (-0.6, 0.02), (5.0, -0.1), (-9.0, 0.1), (math.nan, 0.0)]
)
def test_the_weight_falls_where_the_entropy_is_above_its_target_by_at_most_the_rate(found: float, moved: float) -> None:
    entropy = entropy_of()
    entropy.adapt(torch.tensor(found, dtype=torch.float64))
    assert entropy.log_coef.item() == pytest.approx(math.log(0.3) + moved, abs=1e-12)


@pytest.mark.parametrize(("found", "bound"), [(50.0, -9.0), (-50.0, 2.0)])
def test_the_weight_stays_within_its_range(found: float, bound: float) -> None:
    entropy = entropy_of(entropy_lr=1.0)
    for _ in range(20):
        entropy.adapt(torch.tensor(found, dtype=torch.float64))
    assert entropy.log_coef.item() == bound


def test_a_fixed_weight_stays() -> None:
    entropy = entropy_of(entropy="fixed")
    entropy.adapt(torch.tensor(5.0, dtype=torch.float64))
    assert entropy.log_coef.item() == pytest.approx(math.log(0.3))


# ── within PWM ──


def noise(horizon: int, rows: int) -> Tensor:
    """What the stream `imagination` of tiny_pwm draws first."""
    return torch.randn(horizon, rows, ACT, generator=torch.Generator().manual_seed(0)).double()


def objective_by_steps(pwm: PWM, obs: Tensor, horizon: int, seen: list[Tensor] | None = None) -> Tensor:
    """The mean over rollouts of Σ γ^t [r_t + α Σ_i (−log π_i − h̄)] + γ^H min V, the density from the normal's own.

    seen: what the actor sees instead of the latents, where its gradient does not run through them.
    """
    model, gamma, alpha = pwm.model, pwm.recipe.gamma, AUTO["entropy_coef"]
    z, total = model.encode(obs), torch.zeros(len(obs), dtype=torch.float64)
    for t, eps in enumerate(noise(horizon, len(obs))):
        mean, log_std = pwm.actor.gaussian(z if seen is None else seen[t])
        normal = torch.distributions.Normal(mean, log_std.exp().expand_as(mean))
        u = mean + log_std.exp() * eps
        log_density = normal.log_prob(u) - (1 - u.tanh().square()).log()
        z, reward = model.step(z, u.tanh())
        total = total + gamma**t * (reward + alpha * (-log_density - AUTO["entropy_target"]).sum(-1))
    return (total + gamma**horizon * pwm.critic(z).amin(0)).mean()


@pytest.mark.parametrize("std", ["parameter", "state"])
@pytest.mark.parametrize("detach", [False, True])
def test_the_policy_gradient_is_the_slope_of_the_return_with_its_bonus(std: str, detach: bool) -> None:
    pwm, obs, h = tiny_pwm(tiny_agent(std=std), detach=detach, actor_lr=0.0, **AUTO), observations(), 1e-6
    seen = list(pwm.imagine(obs, 3).z.detach()) if detach else None
    pwm.streams["imagination"].manual_seed(0)
    _, figures = pwm.update_actor(obs, 3)
    assert figures["policy_loss"] == pytest.approx(-objective_by_steps(pwm, obs, 3).item(), abs=1e-7)
    for name, parameter in pwm.actor.named_parameters():
        assert parameter.grad is not None
        for index in {0, parameter.numel() - 1}:
            flat, values = parameter.data.view(-1), []
            for step in (h, -h):
                flat[index] += step
                values.append(-objective_by_steps(pwm, obs, 3, seen).item())
                flat[index] -= step
            slope = (values[0] - values[1]) / (2 * h)
            assert parameter.grad.view(-1)[index].item() == pytest.approx(slope, abs=1e-7), name


def test_the_critics_targets_have_the_bonus_and_the_target_critics_values() -> None:
    pwm = tiny_pwm(tiny_agent(std="state"), critic_lr=0.0, target_tau=0.5, **AUTO)
    assert pwm.target is not None
    with torch.no_grad():
        for parameter in pwm.target.parameters():
            parameter.add_(0.3)
    rollout, _ = pwm.update_actor(observations(), 4)
    bonus = entropy_of().bonus(rollout.log_density.detach())
    with torch.no_grad():
        model = pwm.model.reward_code.decode(pwm.model.reward(rollout.z, rollout.actions))
        values, following = pwm.critic(rollout.z).numpy(), pwm.target(rollout.z_next).numpy().min(0)
    rewards, errors = (model + bonus).numpy(), []
    for b in range(3):
        for t in range(4):
            rows = rewards[:, b].tolist(), following[:, b].tolist(), [0, 0, 0, 0]
            target = lambda_return(t, *rows, SETTINGS["gamma"], SETTINGS["td_lambda"])
            errors.extend((values[:, t, b] - target) ** 2)
    assert pwm.update_critic(rollout)["value_loss"] == pytest.approx(np.mean(errors), abs=1e-9)


def test_target_critics_go_a_part_of_the_way_after_each_update_and_take_no_gradient() -> None:
    pwm = tiny_pwm(tiny_agent(), target_tau=0.25, critic_lr=0.05)
    assert pwm.target is not None
    before = copy.deepcopy(pwm.target.state_dict())
    rollout, _ = pwm.update_actor(observations(), 3)
    pwm.update_critic(rollout)
    for name, ours in pwm.target.state_dict().items():
        expected = before[name] + 0.25 * (pwm.critic.state_dict()[name] - before[name])
        assert torch.allclose(ours, expected, atol=1e-12) and not torch.equal(ours, before[name])
    assert not any(parameter.requires_grad for parameter in pwm.target.parameters())


def test_the_policy_s_bootstrap_is_the_critics_own_not_the_target_s() -> None:
    pwm = tiny_pwm(tiny_agent(), target_tau=0.5)
    rollout = pwm.imagine(observations(), 3)
    before = pwm.objective(rollout)
    assert pwm.target is not None
    with torch.no_grad():
        for parameter in pwm.target.parameters():
            parameter.add_(1.0)
    assert torch.equal(pwm.objective(rollout), before)


def test_an_update_tells_and_adapts_the_entropy_of_the_actions_that_the_tasks_have() -> None:
    agent = tiny_agent(tasks=True, std="state")
    agent.world_model.action_masks = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]], dtype=torch.float64)
    pwm = tiny_pwm(agent, **AUTO)
    assert pwm.entropy is not None
    rollout, figures = pwm.update_actor(observations(TASKS), 2, task=torch.arange(TASKS))
    surprise = -rollout.log_density.detach()
    counted = torch.cat([surprise[:, 0, :1].flatten(), surprise[:, 1].flatten(), surprise[:, 2, 1:].flatten()])
    assert figures["entropy"].item() == pytest.approx(counted.mean().item())
    assert figures["entropy_coef"].item() == pytest.approx(0.3)
    moved = min(max(counted.mean().item() + 0.4, -1), 1)
    assert pwm.entropy.log_coef.item() == pytest.approx(math.log(0.3) - 0.1 * moved)


def test_in_a_driven_rollout_the_bonus_counts_too() -> None:
    pwm, obs = tiny_pwm(tiny_agent(std="state"), **AUTO), observations()
    goes_on = torch.zeros(3, dtype=torch.bool)
    driven = pwm.imagine(obs, 3, drive=lambda action: Feedback(goes_on, goes_on, obs))
    pwm.streams["imagination"].manual_seed(0)
    free = pwm.imagine(obs, 3)
    assert torch.allclose(driven.rewards, free.rewards, atol=1e-12)
    assert free.log_density.shape == (3, 3, ACT) and torch.equal(driven.log_density, free.log_density)


def test_without_entropy_no_density_is_computed() -> None:
    assert tiny_pwm(tiny_agent()).imagine(observations(), 2).log_density is None

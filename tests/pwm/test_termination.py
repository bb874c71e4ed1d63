"""Ends of episodes: what the head learns of them, and what it does to returns, targets and the policy's gradient."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from returns_by_hand import CONTINUES, column, columns, flags
from tiny import SETTINGS, TASKS, observations, slices, tiny_agent, tiny_pwm
from torch import Tensor

from wmzoo.agent.world_model import END_WEIGHT
from wmzoo.data.replay import ReplayBuffer
from wmzoo.envs.base import Transition
from wmzoo.pwm.algorithm import PWM
from wmzoo.pwm.imagination import Feedback, Imagined
from wmzoo.pwm.model_loss import end_errors
from wmzoo.pwm.returns import segment_discounts, td_lambda_targets

GAMMA, LAMBDA = SETTINGS["gamma"], SETTINGS["td_lambda"]


def with_ends(**settings: object) -> PWM:
    return tiny_pwm(tiny_agent(ends=True), **settings)


# ── the head ──


def test_the_loss_is_the_weighted_cross_entropy_at_the_last_step_predicted_and_true() -> None:
    pwm, drawn = with_ends(termination_coef=3.0), slices()
    ends = torch.tensor([[True, True], [True, True], [True, False]])  # the first two rows must not matter
    model = pwm.model
    with torch.no_grad():
        z = model.encode(drawn.obs[0])
        for action in drawn.actions:
            z = model.next(z, action)
        expected = 0.0
        for latents in (z, model.encode(drawn.obs[-1])):
            p = model.termination_head(latents).sigmoid().squeeze(-1).numpy()
            expected += (-END_WEIGHT * np.log(p[0]) - np.log(1 - p[1])) / 4
    figures = pwm.update_model(drawn._replace(terminated=ends))
    assert figures["termination_loss"].item() == pytest.approx(expected, abs=1e-9)
    rest = figures["dynamics_loss"] + figures["reward_loss"]
    assert figures["wm_loss"].item() == pytest.approx((rest + 3 * figures["termination_loss"]).item() / 3, abs=1e-9)


def test_the_head_and_through_the_prediction_the_model_learn_from_it() -> None:
    pwm = with_ends(dynamics_coef=0.0, reward_coef=0.0)
    pwm.update_model(slices()._replace(terminated=torch.ones(3, 2, dtype=torch.bool)))
    for name in ("termination_head.0.weight", "dynamics.net.0.weight", "encoder.0.weight"):
        gradient = dict(pwm.model.named_parameters())[name].grad
        assert gradient is not None and gradient.any(), name


def test_the_probability_undoes_the_weight_of_positives() -> None:
    """Where a share p of equal steps ends, the weighted loss is least at the logit whose probability is p."""
    share = torch.tensor(0.03, dtype=torch.float64)
    logit = torch.zeros((), dtype=torch.float64, requires_grad=True)
    for _ in range(200):  # Newton's method on the expected loss
        loss = share * end_errors(logit, torch.tensor(True)) + (1 - share) * end_errors(logit, torch.tensor(False))
        (slope,) = torch.autograd.grad(loss, logit, create_graph=True)
        (curvature,) = torch.autograd.grad(slope, logit)
        logit = (logit - slope / curvature).detach().requires_grad_()
    model = tiny_agent(ends=True).world_model
    torch.nn.init.zeros_(model.termination_head[-1].weight)
    torch.nn.init.constant_(model.termination_head[-1].bias, logit.item())
    assert model.end_probability(torch.rand(5, 8, dtype=torch.float64)).tolist() == pytest.approx([0.03] * 5)


@pytest.mark.slow
def test_what_is_drawn_for_the_head_has_as_many_ends_as_there_were() -> None:
    """Ends are in one slice each, other steps in as many as slices are long: at the last place they are as frequent."""
    generator = torch.Generator().manual_seed(0)
    replay = ReplayBuffer(40_000, 4, 1, 1, 50, generator, terminates=True)
    replay.start(torch.zeros(4, 1))
    steps, ends, age = 0, 0, torch.zeros(4, dtype=torch.long)
    for _ in range(5000):
        over = (torch.rand(4, generator=generator) < 0.05) & (age >= 8)
        zeros = torch.zeros(4, 1)
        replay.add(zeros, Transition(zeros, torch.zeros(4), over, torch.zeros(4, dtype=torch.bool), zeros, None, {}))
        steps, ends = steps + int((age >= 7).sum()), ends + int(over.sum())
        age = torch.where(over, 0, age + 1)
    drawn = replay.sample(40_000, 8).terminated
    assert drawn is not None and not drawn[:-1].any()
    assert drawn[-1].float().mean().item() == pytest.approx(ends / steps, rel=0.06)


def test_a_fresh_head_expects_an_end_at_one_step_in_a_hundred() -> None:
    from composed import composed

    from wmzoo.agent.build import build_agent

    model = build_agent(composed("size=tiny"), 5, 2).world_model
    assert model.end_probability(torch.rand(3, 32).softmax(-1)).tolist() == pytest.approx([0.01] * 3, rel=1e-4)


# ── returns ──

KEEP = st.floats(0, 1)


@st.composite
def rollouts(draw: st.DrawFn) -> tuple[list[float], list[float], list[int], list[float]]:
    rewards, values, ends = draw(columns())
    return rewards, values, ends, draw(st.lists(KEEP, min_size=len(rewards), max_size=len(rewards)))


def expected_return(t: int, rewards: list[float], values: list[float], ends: list[int], keep: list[float]) -> float:
    """Of step t, by what may happen at it: with keep the episode goes on, else nothing more is earned."""
    last = t == len(rewards) - 1 or ends[t] != CONTINUES
    mixed = (
        values[t] if last else (1 - LAMBDA) * values[t] + LAMBDA * expected_return(t + 1, rewards, values, ends, keep)
    )
    return rewards[t] + (0.0 if ends[t] == 1 else keep[t] * GAMMA * mixed)


@given(rollouts())
def test_targets_are_expectations_over_the_predicted_ends(
    rollout: tuple[list[float], list[float], list[int], list[float]],
) -> None:
    rewards, values, ends, keep = rollout
    found = td_lambda_targets(column(rewards), column(values), *flags(ends), GAMMA, LAMBDA, column(keep))
    expected = [expected_return(t, *rollout) for t in range(len(rewards))]
    assert found.squeeze(1).tolist() == pytest.approx(expected, abs=1e-9)


@given(rollouts())
def test_discounts_are_shrunk_by_the_predicted_ends_before(
    rollout: tuple[list[float], list[float], list[int], list[float]],
) -> None:
    _, _, ends, keep = rollout
    expected, now = [], 1.0
    for end, kept in zip(ends, keep, strict=True):
        expected.append(now)
        now = 1.0 if end else now * 0.8 * kept
    assert segment_discounts(flags(ends)[0], 0.8, column(keep)).squeeze(1).tolist() == pytest.approx(expected)


def objective_by_steps(pwm: PWM, obs: Tensor, horizon: int) -> Tensor:
    """Σ_t c_t r_t + c_H min V, c_{t+1} = c_t γ (1 − p_t), p_t = sigmoid(logit − log w)."""
    z, total, discount = pwm.model.encode(obs), torch.zeros(len(obs)).double(), torch.ones(len(obs)).double()
    for eps in torch.randn(horizon, len(obs), 2, generator=torch.Generator().manual_seed(0)):
        z, reward = pwm.model.step(z, pwm.actor(z, eps))
        total = total + discount * reward
        ended = F.sigmoid(pwm.model.termination_head(z).squeeze(-1) - math.log(END_WEIGHT))
        discount = discount * pwm.recipe.gamma * (1 - ended)
    return (total + discount * pwm.critic(z).amin(0)).mean()


def test_the_policy_gradient_is_the_slope_of_the_return_through_the_predicted_ends_too() -> None:
    pwm, obs, h = with_ends(actor_lr=0.0), observations(), 1e-6
    with torch.no_grad():
        pwm.model.termination_head[-1].bias.add_(2.0)  # so that ends matter
    _, figures = pwm.update_actor(obs, 4)
    assert figures["policy_loss"] == pytest.approx(-objective_by_steps(pwm, obs, 4).item(), abs=1e-9)
    assert 0.05 < figures["imagined_end"] < 0.95
    for name, parameter in pwm.actor.named_parameters():
        assert parameter.grad is not None
        flat, values = parameter.data.view(-1), []
        for step in (h, -h):
            flat[0] += step
            values.append(-objective_by_steps(pwm, obs, 4).item())
            flat[0] -= step
        assert parameter.grad.view(-1)[0].item() == pytest.approx((values[0] - values[1]) / (2 * h), abs=1e-7), name


def test_critics_learn_the_targets_with_predicted_ends() -> None:
    pwm = with_ends(critic_lr=0.0)
    rollout, _ = pwm.update_actor(observations(), 4)
    with torch.no_grad():
        values, following = pwm.critic(rollout.z).numpy(), pwm.critic(rollout.z_next).numpy().min(0)
        keep = (1 - pwm.model.end_probability(rollout.z_next)).numpy()
    rewards, errors = rollout.rewards.detach().numpy(), []
    for b in range(3):
        rows = rewards[:, b].tolist(), following[:, b].tolist(), [0] * 4, keep[:, b].tolist()
        errors.extend((values[:, t, b] - expected_return(t, *rows)) ** 2 for t in range(4))
    assert pwm.update_critic(rollout)["value_loss"].item() == pytest.approx(np.mean(errors), abs=1e-9)


def test_where_environments_are_driven_their_ends_count_and_none_is_predicted() -> None:
    pwm, obs = with_ends(), observations()
    over = torch.tensor([True, False, False])
    rollout = pwm.imagine(obs, 2, drive=lambda action: Feedback(over, over, obs))
    assert rollout.keep is None and torch.equal(rollout.terminated, over.expand(2, 3))


def test_several_tasks_have_ends_of_their_own() -> None:
    pwm = tiny_pwm(tiny_agent(tasks=True, ends=True))
    z = torch.rand(1, 8, dtype=torch.float64).expand(TASKS, 8)
    found = pwm.model.end_probability(z, torch.arange(TASKS))
    assert len(set(found.tolist())) == TASKS
    rollout: Imagined = pwm.imagine(observations(TASKS), 2, task=torch.arange(TASKS))
    assert rollout.keep is not None and rollout.keep.shape == (2, TASKS)

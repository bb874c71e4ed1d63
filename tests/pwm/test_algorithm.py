"""PWM's objective, rollouts, policy gradient, critics and state, against loops written from the formulas."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from returns_by_hand import CONTINUES, TERMINATED, TRUNCATED, column, columns, flags, lambda_return
from tiny import ACT, LATENT, OBS, SETTINGS, TASKS, observations, slices, tiny_agent, tiny_pwm
from torch import Tensor, nn

from wmzoo.pwm.algorithm import PWM
from wmzoo.pwm.imagination import Feedback, Imagined
from wmzoo.pwm.parameters import frozen


class SumCritic(nn.Module):
    """V(z) = Σ z, so that a value can be read off a latent."""

    def minimum(self, z: Tensor) -> Tensor:
        return z.sum(-1)


def with_sum_critic(**settings: Any) -> PWM:
    pwm = tiny_pwm(tiny_agent(), **settings)
    pwm.agent.critic = SumCritic()
    return pwm


def rollout_of(rewards: Tensor, values: Tensor, done: Tensor, terminated: Tensor) -> Imagined:
    z = torch.zeros(*rewards.shape, LATENT, dtype=torch.float64)
    z_next = z.clone()
    z_next[..., 0] = values
    return Imagined(z, z_next, torch.zeros(*rewards.shape, ACT, dtype=torch.float64), rewards, done, terminated)


def objective_by_hand(rewards: list[float], values: list[float], ends: list[int], gamma: float) -> float:
    """Cut the rollout into segments; of each Σ γ^i r_i + γ^L V(z_L)."""
    total, start = 0.0, 0
    for t, end in enumerate(ends):
        if end or t == len(ends) - 1:
            segment = rewards[start : t + 1]
            total += sum(gamma**i * reward for i, reward in enumerate(segment))
            total += 0.0 if end == TERMINATED else gamma ** len(segment) * values[t]
            start = t + 1
    return total


@given(columns(), st.floats(0.5, 1))
def test_the_objective_is_the_sum_of_its_segments_returns(
    rollout: tuple[list[float], list[float], list[int]], gamma: float
) -> None:
    rewards, values, ends = rollout
    pwm = OBJECTIVE
    pwm.recipe = replace(pwm.recipe, gamma=gamma)
    objective = pwm.objective(rollout_of(column(rewards), column(values), *flags(ends)))
    assert objective.tolist() == pytest.approx([objective_by_hand(rewards, values, ends, gamma)], abs=1e-9)


OBJECTIVE = with_sum_critic()


def test_the_value_at_the_horizon_is_discounted_once_per_step() -> None:
    rollout = rollout_of(column([0.0, 0.0, 0.0]), column([1.0, 1.0, 1.0]), *flags([0, 0, 0]))
    assert with_sum_critic(gamma=0.5).objective(rollout).tolist() == [0.5**3]


@pytest.mark.parametrize(("end", "bootstrap"), [(TERMINATED, 0.0), (TRUNCATED, 0.25 * 8)])
def test_an_end_at_the_last_step_keeps_the_segments_rewards(end: int, bootstrap: float) -> None:
    rollout = rollout_of(column([1.0, 1.0]), column([8.0, 8.0]), *flags([0, end]))
    assert with_sum_critic(gamma=0.5).objective(rollout).tolist() == [1 + 0.5 + bootstrap]


def test_columns_do_not_mix_and_all_may_be_terminated() -> None:
    rewards = torch.tensor([[1.0, 10.0], [2.0, 20.0]], dtype=torch.float64)
    done = torch.tensor([[False, True], [True, True]])
    rollout = rollout_of(rewards, torch.ones(2, 2, dtype=torch.float64), done, done)
    assert tiny_pwm(tiny_agent(), gamma=0.5).objective(rollout).tolist() == [2.0, 30.0]


# ── rollouts and the policy gradient ──


def noise(horizon: int, rows: int) -> Tensor:
    """What the stream `imagination` of tiny_pwm draws first."""
    return torch.randn(horizon, rows, ACT, generator=torch.Generator().manual_seed(0))


def return_by_steps(pwm: PWM, obs: Tensor, horizon: int, seen: list[Tensor] | None = None) -> Tensor:
    """Mean return of the rollouts, step by step; `seen`: what the actor sees instead of the latents."""
    model, gamma = pwm.model, pwm.recipe.gamma
    z, total, eps = model.encode(obs), torch.zeros(len(obs), dtype=torch.float64), noise(horizon, len(obs))
    for t in range(horizon):
        action = pwm.actor(z if seen is None else seen[t], eps[t])
        z, reward = model.step(z, action)
        total = total + gamma**t * reward
    values = torch.stack([pwm.critic(z)[member] for member in range(3)])
    return (total + gamma**horizon * values.min(0).values).mean()


def test_a_rollout_without_environments_is_policy_and_model_in_turn() -> None:
    pwm, obs = tiny_pwm(tiny_agent()), observations()
    rollout = pwm.imagine(obs, 4)
    z, eps = pwm.model.encode(obs), noise(4, 3)
    for t in range(4):
        action = pwm.actor(z, eps[t])
        z_next, reward = pwm.model.step(z, action)
        for ours, theirs in zip(rollout[:4], (z, z_next, action, reward), strict=True):
            assert torch.allclose(ours[t], theirs, atol=1e-12)
        z = z_next
    assert not rollout.done.any() and not rollout.terminated.any()
    assert pwm.objective(rollout).mean().item() == pytest.approx(return_by_steps(pwm, obs, 4).item(), abs=1e-9)


@pytest.mark.parametrize("dynamics", ["mlp/none", "mlp/logit", "flow/logit", "flow/latent"])
@pytest.mark.parametrize("detach", [False, True])
def test_the_policy_gradient_is_the_slope_of_the_imagined_return(dynamics: str, detach: bool) -> None:
    """With `detach` the actor's inputs stand still while its weights are varied: only the actions carry gradient."""
    pwm, obs, horizon, h = tiny_pwm(tiny_agent(dynamics), detach=detach, actor_lr=0.0), observations(), 3, 1e-6
    seen = list(pwm.imagine(obs, horizon).z.detach()) if detach else None
    pwm.streams["imagination"].manual_seed(0)
    _, figures = pwm.update_actor(obs, horizon)
    assert figures["policy_loss"] == pytest.approx(-return_by_steps(pwm, obs, horizon).item(), abs=1e-9)
    norm = 0.0
    for name, parameter in pwm.actor.named_parameters():
        assert parameter.grad is not None
        norm += parameter.grad.square().sum().item()
        for index in {0, parameter.numel() - 1}:
            flat, slopes = parameter.data.view(-1), []
            for step in (h, -h):
                flat[index] += step
                slopes.append(-return_by_steps(pwm, obs, horizon, seen).item())
                flat[index] -= step
            slope = (slopes[0] - slopes[1]) / (2 * h)
            assert parameter.grad.view(-1)[index].item() == pytest.approx(slope, abs=1e-8), name
    assert figures["actor_grad_norm"] == pytest.approx(norm**0.5, rel=1e-9)


def test_detaching_changes_the_gradient_and_not_the_return() -> None:
    gradients, losses = [], []
    for detach in (False, True):
        pwm = tiny_pwm(tiny_agent(), detach=detach)
        losses.append(pwm.update_actor(observations(), 4)[1]["policy_loss"])
        gradients.append(torch.cat([p.grad.flatten() for p in pwm.actor.parameters()]))
    assert losses[0] == losses[1]
    assert not torch.allclose(gradients[0], gradients[1], rtol=1e-2)


def test_an_actor_update_leaves_no_gradient_on_model_and_critics() -> None:
    pwm = tiny_pwm(tiny_agent())
    before = copy.deepcopy([pwm.model.state_dict(), pwm.critic.state_dict()])
    actor = copy.deepcopy(pwm.actor.state_dict())
    pwm.update_actor(observations(), 3)
    for part, state in zip((pwm.model, pwm.critic), before, strict=True):
        assert all(p.grad is None and p.requires_grad for p in part.parameters())
        assert all(torch.equal(value, state[name]) for name, value in part.state_dict().items())
    assert any(not torch.equal(value, actor[name]) for name, value in pwm.actor.state_dict().items())


def test_frozen_restores_what_was_trainable_and_only_that_even_after_an_error() -> None:
    layer = nn.Linear(2, 2)
    layer.bias.requires_grad_(False)
    with pytest.raises(KeyError), frozen(layer):
        assert not layer.weight.requires_grad
        raise KeyError
    assert layer.weight.requires_grad and not layer.bias.requires_grad


def test_returns_are_divided_by_their_running_standard_deviation() -> None:
    pwm, seen = tiny_pwm(tiny_agent(), return_scale=True), []
    for start in range(2):
        rollout, figures = pwm.update_actor(observations() * (start + 1), 3)
        with torch.no_grad():
            seen.extend(pwm.objective(rollout).tolist())
        std = np.sqrt(np.var(seen) + 1e-5)
        assert figures["policy_loss"] == pytest.approx(-np.mean(seen[-3:]) / std, rel=1e-9)


class FakeEnvironments:
    """Answers with ends as told, and keeps what it was asked."""

    def __init__(self, ends: list[list[int]]) -> None:
        self.ends, self.actions = torch.tensor(ends), []
        generator = torch.Generator().manual_seed(9)
        self.obs = torch.randn(*self.ends.shape, OBS, dtype=torch.float64, generator=generator)

    def __call__(self, action: Tensor) -> Feedback:
        assert not action.requires_grad
        t = len(self.actions)
        self.actions.append(action)
        return Feedback(self.ends[t] != CONTINUES, self.ends[t] == TERMINATED, self.obs[t])


def test_a_driven_rollout_goes_on_from_the_encoding_of_a_reset_observation() -> None:
    ends = [[0, 0], [TERMINATED, 0], [0, 0], [TRUNCATED, TERMINATED]]
    envs, pwm = FakeEnvironments(ends), tiny_pwm(tiny_agent())
    rollout = pwm.imagine(observations(2), 4, drive=envs)
    assert torch.equal(torch.stack(envs.actions), rollout.actions)
    assert torch.equal(rollout.done, envs.ends != CONTINUES)
    assert torch.equal(rollout.terminated, envs.ends == TERMINATED)
    for t in range(3):
        for b in range(2):
            expected = pwm.model.encode(envs.obs[t, b]) if ends[t][b] else rollout.z_next[t, b]
            assert torch.allclose(rollout.z[t + 1, b], expected, atol=1e-12)
        z_next, reward = pwm.model.step(rollout.z[t], rollout.actions[t])  # what was reached, before any reset
        assert torch.allclose(z_next, rollout.z_next[t]) and torch.allclose(reward, rollout.rewards[t])


def test_no_gradient_crosses_a_reset() -> None:
    pwm = tiny_pwm(tiny_agent())
    rollout = pwm.imagine(observations(2), 2, drive=FakeEnvironments([[TERMINATED, 0], [0, 0]]))
    for b, crosses in ((0, False), (1, True)):
        gradients = torch.autograd.grad(rollout.z[1, b, 0], list(pwm.actor.parameters()), retain_graph=True)
        assert any(bool(gradient.any()) for gradient in gradients) is crosses


def test_actions_a_task_lacks_are_zero_in_imagination() -> None:
    agent = tiny_agent(tasks=True)
    agent.world_model.action_masks = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]], dtype=torch.float64)
    rollout = tiny_pwm(agent).imagine(observations(TASKS), 2, task=torch.arange(TASKS))
    assert rollout.actions.ne(0).all(0).tolist() == [[True, False], [True, True], [False, True]]


# ── the critics ──


@pytest.mark.parametrize(("passes", "minibatches"), [(1, 1), (2, 3)])
def test_the_value_loss_is_the_mean_square_distance_from_the_lambda_returns(passes: int, minibatches: int) -> None:
    pwm = tiny_pwm(tiny_agent(), critic_lr=0.0, critic_passes=passes, critic_minibatches=minibatches)
    ends = [[0, 0, TRUNCATED], [TERMINATED, 0, 0], [0, 0, 0], [0, TERMINATED, 0]]
    rollout, _ = pwm.update_actor(observations(), 4, drive=FakeEnvironments(ends))
    with torch.no_grad():
        values = pwm.critic(rollout.z).numpy()
        following = pwm.critic(rollout.z_next).numpy().min(0)
    rewards, errors = rollout.rewards.detach().numpy(), []
    for b in range(3):
        for t in range(4):
            rows = rewards[:, b].tolist(), following[:, b].tolist(), [row[b] for row in ends]
            target = lambda_return(t, *rows, SETTINGS["gamma"], SETTINGS["td_lambda"])
            errors.extend((values[:, t, b] - target) ** 2)
    assert pwm.update_critic(rollout)["value_loss"] == pytest.approx(np.mean(errors), abs=1e-9)


def test_critics_learn_and_nothing_else_moves() -> None:
    pwm = tiny_pwm(tiny_agent(), critic_lr=3e-3)
    rollout, _ = pwm.update_actor(observations(), 4)
    before = copy.deepcopy([pwm.model.state_dict(), pwm.actor.state_dict()])
    losses = [pwm.update_critic(rollout)["value_loss"] for _ in range(30)]
    assert losses[-1] < 0.5 * losses[0]
    for part, state in zip((pwm.model, pwm.actor), before, strict=True):
        assert all(torch.equal(value, state[name]) for name, value in part.state_dict().items())


# ── schedule, state ──


def test_learning_rates_fall_linearly_to_the_final_one() -> None:
    pwm = tiny_pwm(tiny_agent(), actor_lr=5e-4, critic_lr=4e-4, model_lr=3e-4, final_lr=1e-4)
    for progress, rates in {0.0: (5, 4, 3), 0.5: (3, 2.5, 2), 1.0: (1, 1, 1), 2.0: (1, 1, 1)}.items():
        given_rate = pwm.optimisation.schedule(progress)
        now = [pwm.optimisation.optimisers[name].param_groups[0]["lr"] for name in ("actor", "critic", "model")]
        assert now == pytest.approx([rate * 1e-4 for rate in rates])
        assert given_rate == now[2]


@pytest.mark.parametrize(("decay", "expected"), [("run", 0.3), ("none", 0.0), (1000, 0.5), (400, 1.0)])
def test_rates_decay_over_the_run_over_steps_or_not_at_all(decay: str | int, expected: float) -> None:
    pwm = tiny_pwm(tiny_agent(), lr_decay=decay)
    assert pwm.optimisation.decayed(iteration=3, iterations=10, steps=500) == pytest.approx(expected)


MORE = {"entropy": "auto", "entropy_lr": 0.5, "target_tau": 0.3, "policy_tau": 0.2}


@pytest.mark.parametrize("more", [{}, MORE], ids=["paper", "maximum entropy"])
def test_a_saved_state_goes_on_bit_for_bit(more: dict[str, Any]) -> None:
    def updates(pwm: PWM) -> list[float]:
        rollout, row = pwm.update_actor(observations(), 3)
        rows = row | pwm.update_critic(rollout) | pwm.update_model(slices())
        return list(rows.values())

    settings = {"return_scale": True, "reward_scale": "std", **more}
    pwm = tiny_pwm(tiny_agent(std="state"), **settings)
    pwm.rewards.update(torch.randn(5))
    updates(pwm)
    other = tiny_pwm(tiny_agent(std="state", seed=1), **settings)
    other.agent.load_state_dict(copy.deepcopy(pwm.agent.state_dict()))
    other.load_state_dict(copy.deepcopy(pwm.state_dict()))
    for _ in range(2):
        assert updates(pwm) == updates(other)
    assert all(map(torch.equal, pwm.agent.actor.parameters(), other.agent.actor.parameters()))


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("entropy", {"log_coef": torch.zeros(2)}),
        ("entropy", {}),
        ("target", {"layers.0.weight": torch.zeros(3)}),
        ("actor", {"layers.0.weight": torch.zeros(3)}),
    ],
)
def test_a_state_with_another_entropy_target_or_policy_is_refused(part: str, value: dict[str, Tensor]) -> None:
    pwm = tiny_pwm(tiny_agent(), **MORE)
    with pytest.raises(ValueError, match=f"pwm/{part}"):
        pwm.check_state(pwm.state_dict() | {part: value})

"""PWM's returns, targets, policy gradient and guards, against loops written from the formulas."""

from __future__ import annotations

import copy
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import ACT, LATENT, OBS, SETTINGS, TASKS, tiny_agent, tiny_pwm
from torch import Tensor, nn

from wmzoo.config.recipe import Recipe
from wmzoo.data.replay import Slices
from wmzoo.errors import RunFailed
from wmzoo.losses.rectified_flow import RectifiedFlowLoss
from wmzoo.pwm import nonfinite
from wmzoo.pwm.algorithm import PWM, Feedback, Imagined, frozen
from wmzoo.pwm.returns import segment_discounts, td_lambda_targets

NUMBER = st.floats(-5, 5)
CONTINUES, TERMINATED, TRUNCATED = 0, 1, 2
ENDS = st.sampled_from([CONTINUES, CONTINUES, CONTINUES, TERMINATED, TRUNCATED])


@st.composite
def columns(draw: st.DrawFn) -> tuple[list[float], list[float], list[int]]:
    """Rewards, next values and ends of one environment's rollout."""
    horizon = draw(st.integers(1, 7))
    rows = [draw(st.lists(NUMBER, min_size=horizon, max_size=horizon)) for _ in range(2)]
    return rows[0], rows[1], draw(st.lists(ENDS, min_size=horizon, max_size=horizon))


def column(x: list[float]) -> Tensor:
    return torch.tensor(x, dtype=torch.float64).unsqueeze(1)


def flags(ends: list[int]) -> tuple[Tensor, Tensor]:
    """done and terminated [H,1]."""
    end = torch.tensor(ends).unsqueeze(1)
    return end != CONTINUES, end == TERMINATED


def n_step_return(t: int, n: int, rewards: list[float], values: list[float], ends: list[int], gamma: float) -> float:
    """Σ_{i<n} γ^i r_{t+i} + γ^n V_{t+n}, without the value after a termination."""
    value = 0.0 if ends[t + n - 1] == TERMINATED else values[t + n - 1]
    return sum(gamma**i * rewards[t + i] for i in range(n)) + gamma**n * value


def lambda_return(
    t: int, rewards: list[float], values: list[float], ends: list[int], gamma: float, lam: float
) -> float:
    """The forward view: n-step returns weighted by (1−λ) λ^{n−1}, the rest of the weight on the longest."""
    longest = 1
    while ends[t + longest - 1] == CONTINUES and t + longest < len(rewards):
        longest += 1
    total = lam ** (longest - 1) * n_step_return(t, longest, rewards, values, ends, gamma)
    for n in range(1, longest):
        total += (1 - lam) * lam ** (n - 1) * n_step_return(t, n, rewards, values, ends, gamma)
    return total


@given(columns(), st.floats(0.5, 1), st.floats(0, 1))
def test_td_lambda_targets_are_the_forward_view_of_the_lambda_return(
    rollout: tuple[list[float], list[float], list[int]], gamma: float, lam: float
) -> None:
    rewards, values, ends = rollout
    targets = td_lambda_targets(column(rewards), column(values), *flags(ends), gamma, lam)
    expected = [lambda_return(t, rewards, values, ends, gamma, lam) for t in range(len(rewards))]
    assert targets.squeeze(1).tolist() == pytest.approx(expected, abs=1e-9)


def test_lambda_zero_is_one_step_and_lambda_one_goes_to_the_end() -> None:
    rewards, values, ends = [1.0, 2.0, 3.0, 4.0], [10.0, 20.0, 30.0, 40.0], [0, TERMINATED, 0, 0]
    one_step = td_lambda_targets(column(rewards), column(values), *flags(ends), 0.5, 0.0)
    assert one_step.squeeze(1).tolist() == [1 + 5, 2, 3 + 15, 4 + 20]
    to_the_end = td_lambda_targets(column(rewards), column(values), *flags(ends), 0.5, 1.0)
    assert to_the_end.squeeze(1).tolist() == [1 + 1, 2, 3 + 2 + 10, 4 + 20]


def test_a_truncation_bootstraps_and_a_termination_does_not() -> None:
    rewards, values = [1.0, 1.0], [7.0, 9.0]
    for end, first in ((TRUNCATED, 1 + 0.5 * 7), (TERMINATED, 1.0)):
        targets = td_lambda_targets(column(rewards), column(values), *flags([end, 0]), 0.5, 0.95)
        assert targets.squeeze(1).tolist() == [first, 1 + 0.5 * 9]


def test_a_value_beyond_a_termination_is_not_even_looked_at() -> None:
    values = column([float("inf"), 2.0])
    targets = td_lambda_targets(column([1.0, 1.0]), values, *flags([TERMINATED, 0]), 0.5, 0.5)
    assert targets.squeeze(1).tolist() == [1.0, 2.0]


@given(st.lists(ENDS, min_size=1, max_size=8), st.floats(0.5, 1))
def test_discounts_count_the_steps_since_the_last_end(ends: list[int], gamma: float) -> None:
    expected, age = [], 0
    for end in ends:
        expected.append(gamma**age)
        age = 0 if end else age + 1
    assert segment_discounts(flags(ends)[0], gamma).squeeze(1).tolist() == pytest.approx(expected, abs=1e-12)


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


def observations(rows: int = 3) -> Tensor:
    return torch.randn(rows, OBS, dtype=torch.float64, generator=torch.Generator().manual_seed(5))


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


# ── non-finite numbers ──

BAD = [float("nan"), float("inf")]


def slices(obs: float = 0.0, reward: float = 0.0) -> Slices:
    generator = torch.Generator().manual_seed(3)
    rows = [
        torch.randn(*shape, dtype=torch.float64, generator=generator) for shape in ((4, 2, OBS), (3, 2, ACT), (3, 2))
    ]
    rows[0][2, 1] += obs
    rows[2][1, 0] += reward
    return Slices(*rows)


def update_model(pwm: PWM) -> None:
    pwm.update_model(slices())


def update_policy(pwm: PWM) -> None:
    pwm.update_critic(pwm.update_actor(observations(), 3)[0])


def spoilt(module: torch.nn.Module, bad: float) -> None:
    """From now on the module's output has `bad` in it."""

    def spoil(_module: object, _inputs: object, output: torch.Tensor) -> torch.Tensor:
        output = output.clone()
        output[..., 0] = bad
        return output

    module.register_forward_hook(spoil)


def spoilt_gradient(module: torch.nn.Module, bad: float) -> str:
    """From now on the gradient of the module's last weight matrix has `bad` in it; gives the parameter's name."""
    name, parameter = [(n, p) for n, p in module.named_parameters() if p.ndim > 1][-1]
    parameter.register_hook(lambda gradient: gradient.clone().fill_(bad))
    return name


# What is spoilt -> (how, the update that meets it, what must be named)
INJECTIONS: dict[str, tuple[Any, Any, str]] = {
    "an observation of the replay": (
        lambda pwm, bad: None,
        lambda pwm, bad: pwm.update_model(slices(obs=bad)),
        "the observation in the model's update",
    ),
    "a reward of the replay": (
        lambda pwm, bad: None,
        lambda pwm, bad: pwm.update_model(slices(reward=bad)),
        "the reward in the model's update",
    ),
    "a latent of the model's rollout": (
        lambda pwm, bad: spoilt(pwm.model.dynamics, bad),
        lambda pwm, bad: update_model(pwm),
        "the latent in the model's update",
    ),
    "the dynamics loss": (
        lambda pwm, bad: spoilt_loss(pwm, bad),
        lambda pwm, bad: update_model(pwm),
        "the dynamics loss in the model's update",
    ),
    "the reward loss": (
        lambda pwm, bad: spoilt(pwm.model.reward_head, bad),
        lambda pwm, bad: update_model(pwm),
        "the reward loss in the model's update",
    ),
    "an observation to start from": (
        lambda pwm, bad: None,
        lambda pwm, bad: pwm.update_actor(observations() * bad, 3),
        "the observation in the actor's update",
    ),
    "an imagined latent": (
        lambda pwm, bad: spoilt(pwm.model.dynamics, bad),
        lambda pwm, bad: pwm.update_actor(observations(), 3),
        "the latent in the actor's update",
    ),
    "the last imagined latent": (
        lambda pwm, bad: spoilt(pwm.model.dynamics, bad),
        lambda pwm, bad: pwm.update_actor(observations(), 1),
        "the next latent in the actor's update",
    ),
    "an imagined reward": (
        lambda pwm, bad: spoilt(pwm.model.reward_head, bad),
        lambda pwm, bad: pwm.update_actor(observations(), 3),
        "the imagined reward in the actor's update",
    ),
    "a value": (
        lambda pwm, bad: setattr(pwm.critic, "minimum", lambda z: z[..., 0] * bad),
        lambda pwm, bad: pwm.update_actor(observations(), 3),
        "the imagined return in the actor's update",
    ),
    "a value target": (
        lambda pwm, bad: None,
        lambda pwm, bad: bad_critic_update(pwm, bad),
        "the TD(λ) target in the critic's update",
    ),
}


def spoilt_loss(pwm: PWM, bad: float) -> None:
    plain = pwm.loss.rollout

    def rollout(*args: Any) -> tuple[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]]:
        zs, loss, figures = plain(*args)
        return zs, loss * bad, figures

    pwm.loss.rollout = rollout  # type: ignore[method-assign]


def bad_critic_update(pwm: PWM, bad: float) -> None:
    rollout, _ = pwm.update_actor(observations(), 3)
    pwm.update_critic(rollout._replace(rewards=rollout.rewards * bad))


def loss_of(dynamics: str) -> RectifiedFlowLoss | None:
    return RectifiedFlowLoss() if dynamics.startswith("flow") else None


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("injection", INJECTIONS)
@pytest.mark.parametrize("dynamics", ["mlp/none", "mlp/latent", "flow/latent", "flow/logit"])
def test_what_is_not_finite_stops_the_run_and_is_named(injection: str, dynamics: str, bad: float) -> None:
    spoil, update, named = INJECTIONS[injection]
    pwm = tiny_pwm(tiny_agent(dynamics), loss_of(dynamics), return_scale=True)
    spoil(pwm, bad)
    with pytest.raises(RunFailed) as stopped:
        update(pwm, bad)
        pwm.nonfinite.settle()
    assert str(stopped.value) == f"{named} is not finite"


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("part", ["model", "actor", "critic"])
@pytest.mark.parametrize("dynamics", ["mlp/logit", "flow/logit"])
def test_a_gradient_that_is_not_finite_stops_the_run_and_its_parameter_is_named(
    dynamics: str, part: str, bad: float
) -> None:
    pwm = tiny_pwm(tiny_agent(dynamics), loss_of(dynamics))
    name = spoilt_gradient(getattr(pwm, part), bad)
    with pytest.raises(RunFailed) as stopped:
        update_model(pwm)
        update_policy(pwm)
        pwm.nonfinite.settle()
    assert str(stopped.value) == f"the gradient of {name} in the {part}'s update is not finite"


# Not infinity with several bins: symlog and the bins' range make an infinite reward or logit finite.
@pytest.mark.parametrize(("bad", "bins"), [(float("nan"), 1), (float("inf"), 1), (float("nan"), 11)])
@pytest.mark.parametrize("injection", INJECTIONS)
def test_a_skipped_update_leaves_every_weight_as_it_was_and_is_counted(injection: str, bad: float, bins: int) -> None:
    spoil, update, named = INJECTIONS[injection]
    what, part = re.fullmatch(r"the (.+) in the (.+)'s update", named).groups()  # type: ignore[union-attr]
    pwm = tiny_pwm(tiny_agent(bins=bins), on_nonfinite="skip", return_scale=True, critic_passes=1, critic_minibatches=2)
    parts = {"model": pwm.model, "actor": pwm.actor, "critic": pwm.critic}
    before = copy.deepcopy(parts[part].state_dict())
    spoil(pwm, bad)
    update(pwm, bad)
    pwm.nonfinite.settle()
    assert pwm.nonfinite.counts == {what: 2 if part == "critic" else 1}
    assert all(torch.equal(value, before[name]) for name, value in parts[part].state_dict().items())
    assert pwm.returns.std.isfinite()


@pytest.mark.parametrize("part", ["model", "actor", "critic"])
def test_after_a_skipped_update_the_next_one_learns(part: str) -> None:
    pwm = tiny_pwm(tiny_agent(), on_nonfinite="skip")
    module = getattr(pwm, part)
    bad = next(module.parameters()).register_hook(lambda gradient: gradient * float("nan"))
    before = copy.deepcopy(module.state_dict())
    for learns in (False, True):
        update_model(pwm)
        update_policy(pwm)
        assert learns == any(not torch.equal(value, before[name]) for name, value in module.state_dict().items())
        bad.remove()
    assert all(parameter.isfinite().all() for parameter in module.parameters())
    pwm.nonfinite.settle()
    assert set(pwm.nonfinite.counts) == {"gradient"}


def test_a_skipped_update_is_told_once_for_each_thing(caplog: pytest.LogCaptureFixture) -> None:
    pwm = tiny_pwm(tiny_agent(), on_nonfinite="skip")
    for _ in range(3):
        pwm.update_model(slices(reward=float("nan")))
    pwm.update_model(slices(obs=float("nan")))
    pwm.nonfinite.settle()
    assert [record.message.partition(" is not")[0] for record in caplog.records] == [
        "the reward in the model's update",
        "the observation in the model's update",
    ]
    assert pwm.nonfinite.counts == {"reward": 3, "observation": 1}


def test_nothing_is_saved_before_what_was_not_finite_is_told() -> None:
    pwm = tiny_pwm(tiny_agent())
    pwm.update_model(slices(reward=float("nan")))
    with pytest.raises(RunFailed, match="the reward in the model's update is not finite"):
        pwm.state_dict()


def test_updates_that_nobody_asks_about_are_looked_at_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nonfinite, "MOST", 3)
    pwm = tiny_pwm(tiny_agent())
    pwm.update_model(slices(reward=float("nan")))
    update_model(pwm)
    with pytest.raises(RunFailed, match="the reward in the model's update is not finite"):
        update_model(pwm)


# ── settings, schedule, state ──


def test_learning_rates_fall_linearly_to_the_final_one() -> None:
    pwm = tiny_pwm(tiny_agent(), actor_lr=5e-4, critic_lr=4e-4, model_lr=3e-4, final_lr=1e-4)
    for progress, rates in {0.0: (5, 4, 3), 0.5: (3, 2.5, 2), 1.0: (1, 1, 1), 2.0: (1, 1, 1)}.items():
        given_rate = pwm.schedule(progress)
        now = [pwm.optimisers[name].param_groups[0]["lr"] for name in ("actor", "critic", "model")]
        assert now == pytest.approx([rate * 1e-4 for rate in rates])
        assert given_rate == now[2]


def test_an_unknown_reward_scale_is_refused() -> None:
    with pytest.raises(ValueError, match="one of none, std, mean_std, not 'max'"):
        Recipe(**{**SETTINGS, "reward_scale": "max"})


def test_a_saved_state_goes_on_bit_for_bit() -> None:
    def updates(pwm: PWM) -> list[float]:
        rollout, row = pwm.update_actor(observations(), 3)
        rows = row | pwm.update_critic(rollout) | pwm.update_model(slices())
        return list(rows.values())

    pwm = tiny_pwm(tiny_agent(), return_scale=True, reward_scale="std")
    pwm.rewards.update(torch.randn(5))
    updates(pwm)
    other = tiny_pwm(tiny_agent(seed=1), return_scale=True, reward_scale="std")
    for ours, theirs in ((pwm.model, other.model), (pwm.actor, other.actor), (pwm.critic, other.critic)):
        theirs.load_state_dict(copy.deepcopy(ours.state_dict()))
    other.load_state_dict(copy.deepcopy(pwm.state_dict()))
    for _ in range(2):
        assert updates(pwm) == updates(other)

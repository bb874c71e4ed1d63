"""The policy that is evaluated and saved, the running average of the one that learns and explores."""

from __future__ import annotations

import copy

import torch
from tiny import observations, tiny_agent, tiny_pwm

TAU = 0.25


def weights(actor: torch.nn.Module) -> dict[str, torch.Tensor]:
    return copy.deepcopy(actor.state_dict())


def test_after_each_update_the_agents_policy_goes_a_part_of_the_way_to_the_one_that_learns() -> None:
    pwm = tiny_pwm(tiny_agent(), policy_tau=TAU, actor_lr=0.05)
    assert pwm.agent.actor is not None
    expected = weights(pwm.agent.actor)
    for _ in range(3):
        pwm.update_actor(observations(), 3)
        learned = weights(pwm.actor)
        expected = {name: (1 - TAU) * old + TAU * learned[name] for name, old in expected.items()}
        for name, ours in pwm.agent.actor.state_dict().items():
            assert torch.allclose(ours, expected[name], atol=1e-12) and not torch.equal(ours, learned[name]), name


def test_what_is_learned_does_not_depend_on_the_average() -> None:
    learned = []
    for tau in (None, TAU):
        pwm = tiny_pwm(tiny_agent(), policy_tau=tau, actor_lr=0.05)
        for _ in range(3):
            rollout, _ = pwm.update_actor(observations(), 3)
            pwm.update_critic(rollout)
        learned.append([*pwm.actor.parameters(), *pwm.critic.parameters()])
    assert all(map(torch.equal, *learned))


def test_the_policy_that_learns_acts_in_training_and_the_agents_own_outside() -> None:
    pwm = tiny_pwm(tiny_agent(), policy_tau=TAU)
    obs, none = observations(), torch.zeros(3, 2, dtype=torch.float64)
    assert torch.equal(pwm.act(obs, none), pwm.agent.act(obs))
    before = pwm.agent.act(obs)
    with torch.no_grad():
        for parameter in pwm.actor.parameters():
            parameter.add_(torch.linspace(0, 1, parameter.numel(), dtype=parameter.dtype).view_as(parameter))
    assert torch.equal(pwm.agent.act(obs), before) and not torch.equal(pwm.act(obs, none), before)


def test_without_one_there_is_a_single_policy() -> None:
    pwm = tiny_pwm(tiny_agent())
    assert pwm.actor is pwm.agent.actor and "actor" not in pwm.state_dict()

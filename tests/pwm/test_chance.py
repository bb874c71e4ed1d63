"""Imagination with a stochastic dynamics: where its noise comes from, and what it is for."""

import copy

import torch
from tiny import ACT, OBS, observations, tiny_pwm

from wmzoo.agent.build import build_agent
from wmzoo.config.composition import compose
from wmzoo.pwm.build import build_pwm


def pwm_with(*overrides, seed=0):
    cfg = compose(["size=tiny", *overrides])
    agent = build_agent(cfg, OBS, ACT)
    with torch.no_grad():
        for parameter in agent.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    names = ("imagination", "minibatch", "tau")
    streams = {name: torch.Generator().manual_seed(seed + i) for i, name in enumerate(names)}
    return build_pwm(cfg, agent, streams)


def rollout(pwm, rows=3):
    return pwm.imagine(observations(rows).float(), 4)


def test_the_noise_of_a_stochastic_dynamics_has_a_stream_of_its_own_in_the_saved_state():
    pwm = pwm_with("dynamics=noise_flow")
    before = {name: generator.get_state() for name, generator in pwm.streams.items()}
    assert set(before) == {"imagination", "minibatch", "tau", "chance"}
    saved = copy.deepcopy(pwm.state_dict())
    first = rollout(pwm)
    moved = {name for name, generator in pwm.streams.items() if not torch.equal(before[name], generator.get_state())}
    assert moved == {"imagination", "chance"}
    other = rollout(pwm)
    assert not torch.equal(first.z_next[0], other.z_next[0])
    pwm.load_state_dict(saved)
    assert torch.equal(rollout(pwm).z_next, first.z_next)


def test_a_deterministic_dynamics_draws_none_and_its_state_is_as_it_was():
    pwm = pwm_with("dynamics=mlp")
    rollout(pwm)
    assert set(pwm.state_dict()["streams"]) == {"imagination", "minibatch", "tau"}


def test_another_chance_is_another_future_of_the_same_policy_noise():
    pwm = pwm_with("dynamics=gaussian")
    state = pwm.streams["imagination"].get_state()
    first = rollout(pwm)
    pwm.streams["imagination"].set_state(state)
    again = rollout(pwm)
    assert torch.equal(first.z[0], again.z[0]) and torch.equal(first.actions[0], again.actions[0])
    assert (first.z_next[0] != again.z_next[0]).any(-1).all()


def test_gradients_run_through_samples():
    """The last latent's by what was observed: the policy is cut off from the latents that it sees."""
    pwm, obs = pwm_with("dynamics=noise_flow"), observations(3).float().requires_grad_()
    (gradient,) = torch.autograd.grad(pwm.imagine(obs, 4).z_next[-1].square().sum(), obs)
    assert (gradient != 0).any(-1).all()


def test_samples_are_rollouts_that_share_their_start():
    pwm = pwm_with("dynamics=noise_flow", "recipe.samples=4")
    found, _ = pwm.update_actor(observations(8).float(), 3)
    starts = found.z[0].unflatten(0, (2, 4))
    assert torch.equal(starts, starts[:, :1].expand_as(starts)) and not torch.equal(starts[0, 0], starts[1, 0])
    ends = found.z_next[-1].unflatten(0, (2, 4))
    assert all((ends[:, i] != ends[:, 0]).any(-1).all() for i in (1, 2, 3))
    one = pwm_with("dynamics=noise_flow").update_actor(observations(8).float(), 3)[0]
    assert len(one.z[0].unique(dim=0)) == 8


def test_the_default_is_one_sample_per_start():
    assert tiny_pwm(pwm_with("dynamics=mlp").agent).recipe.samples == 1

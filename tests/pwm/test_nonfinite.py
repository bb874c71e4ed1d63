"""Numbers that are not finite are named, or skipped and counted; and a run that meets them, as its user sees it."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
import torch
from tiny import observations, slices, tiny_agent, tiny_pwm

from wmzoo.dynamics import Dynamics
from wmzoo.errors import RunFailed
from wmzoo.losses.rectified_flow import RectifiedFlowLoss
from wmzoo.pwm import nonfinite
from wmzoo.pwm.algorithm import PWM

BAD = [float("nan"), float("inf")]


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
    if isinstance(module, Dynamics):  # a rollout's step need not be `forward`
        plain = module.rollout_step
        module.rollout_step = lambda *inputs: spoil(None, None, plain(*inputs))  # type: ignore[method-assign]


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

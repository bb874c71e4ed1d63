"""The losses of stochastic dynamics, one step and one row at a time, and what they can learn."""

import pytest
import torch

from wmzoo.contracts.common import enliven, noise, simplices
from wmzoo.dynamics.categorical import CategoricalDynamics
from wmzoo.dynamics.gaussian import GaussianDynamics
from wmzoo.dynamics.noise_flow import NoiseFlowDynamics
from wmzoo.errors import WmzooError
from wmzoo.losses.likelihood import LikelihoodLoss
from wmzoo.losses.noise_flow import NoiseFlowLoss
from wmzoo.registry import build

D, A, H, B, SIZE = 8, 2, 3, 5, 4
COMMON = {"latent_dim": D, "action_dim": A, "task_dim": 2, "units": [6], "simnorm_dim": SIZE}


def flow(**params):
    return enliven(NoiseFlowDynamics(integrator=build("integrator", "euler"), **COMMON, **params).double(), 0.5)


def data():
    z0, targets = simplices(B, D, size=SIZE), simplices(H, B, D, size=SIZE, seed=2)
    return z0, noise(H, B, A, seed=1).tanh(), targets, noise(B, 2, seed=3)


def stream():
    return torch.Generator().manual_seed(11)


def value(loss, dynamics):
    z0, actions, targets, task = data()
    return loss.rollout(dynamics, z0, actions, targets, 0.9, task)


def single_steps():
    """(t, b, e_t, a_t, z*, task) of every single step from an observation, rows [1, ·]."""
    z0, actions, targets, task = data()
    for t, encoded in enumerate([z0, *targets[:-1]]):
        for b in range(B):
            yield t, b, encoded[b : b + 1], actions[t, b : b + 1], targets[t, b : b + 1], task[b : b + 1]


def point(y):
    return y.unflatten(-1, (-1, SIZE)).softmax(-1).flatten(-2)


@pytest.mark.parametrize("make", [GaussianDynamics, CategoricalDynamics])
def test_likelihood_is_the_surprise_of_single_steps_and_the_rollout_is_of_the_mean(make):
    dynamics = enliven(make(**COMMON).double(), 0.5)
    single = sum(
        0.9**t * dynamics.surprise(e, a, target, task).mean().item() / B for t, _, e, a, target, task in single_steps()
    )
    z, actions, targets, task = data()
    rolled = 0.0
    for t in range(H):
        z = dynamics.mean_step(z, actions[t], task)
        rolled += 0.9**t * (z - targets[t]).square().mean().item()
    found = value(LikelihoodLoss(rollout_weight=0.3, step_weight=0.6), dynamics)
    assert found.loss.item() == pytest.approx(0.6 * single + 0.3 * rolled, rel=1e-9)
    assert torch.equal(found.zs, torch.cat([data()[0][None], data()[2]]))  # on which rewards are learned


@pytest.mark.parametrize("metric", ["start", "landed"])
@pytest.mark.parametrize("times", ["uniform", "steps"])
@pytest.mark.parametrize("mean", [True, False])
def test_a_noise_flow_is_held_to_straight_paths_from_noise(metric, times, mean):
    dynamics, draws = flow(mean=mean, substeps=4, scale=0.7), stream()
    starts = torch.randn(H, B, D, generator=draws).double()
    taus = torch.rand(H, B, 1, generator=draws).double()
    expected = 0.0
    for t, b, e, a, target, task in single_steps():
        x_0, tau = starts[t, b : b + 1], taus[t, b : b + 1]
        tau = (4 * tau).floor() / 4 if times == "steps" else tau
        base = e.log() + (dynamics.centre(e, a, task) if mean else 0)
        x_1 = (target.log() - base) / 0.7
        x = (1 - tau) * x_0 + tau * x_1
        v = dynamics.noise_field(e, a, task)(x, tau)
        if metric == "landed":
            error = point(base + 0.7 * (x + (1 - tau) * v)) - target
        else:
            z, delta = (part.unflatten(-1, (-1, SIZE)) for part in (e, 0.7 * (v - (x_1 - x_0))))
            error = (z * (delta - (z * delta).sum(-1, keepdim=True))).flatten(-2)
        expected += 0.9**t * error.square().mean().item() / B
    z, actions, targets, task = data()
    rolled = 0.0
    for t in range(H if mean else 0):  # without a mean of its own there is no rollout
        z = dynamics.mean_step(z, actions[t], task)
        rolled += 0.9**t * (z - targets[t]).square().mean().item()
    loss = NoiseFlowLoss(metric, times, rollout_weight=0.3, step_weight=0.5, generator=stream())
    found = value(loss, dynamics).loss.item()
    assert found == pytest.approx(0.5 * expected + 0.3 * rolled, rel=1e-6)  # draws are of float32


def test_the_mean_learns_from_its_rollout_alone_and_is_refused_without_one():
    dynamics = flow(mean=True)
    with pytest.raises(WmzooError, match=r"loss.rollout_weight is above 0 or dynamics.mean=false"):
        NoiseFlowLoss(rollout_weight=0.0, step_weight=1.0, generator=stream()).check(dynamics)
    NoiseFlowLoss(rollout_weight=0.0, generator=stream()).check(flow(mean=False))
    gradients = []
    for step_weight in (1.0, 3.0):
        dynamics.zero_grad()
        loss = NoiseFlowLoss(rollout_weight=1.0, step_weight=step_weight, generator=stream())
        value(loss, dynamics).loss.backward()
        gradients.append((dynamics.mean.weight.grad.clone(), dynamics.net.out.weight.grad.clone()))
    assert torch.allclose(gradients[0][0], gradients[1][0]) and (gradients[0][0] != 0).any()
    assert torch.allclose(3 * gradients[0][1], gradients[1][1])


@pytest.mark.slow
def test_two_futures_that_agree_in_all_their_units_are_both_learned_and_nothing_between():
    """z′ is one of two points, by a fair coin: a noise flow's samples are near the one or the other, half of them each,
    a Gaussian of independent units mixes them."""
    torch.manual_seed(0)
    common = {"latent_dim": D, "action_dim": A, "units": [32, 32], "simnorm_dim": SIZE}
    futures = point(torch.tensor([[1.5, -1.5] * (D // 2), [-1.5, 1.5] * (D // 2)]))
    between = {}
    for name, dynamics, loss in (
        (
            "flow",
            NoiseFlowDynamics(integrator=build("integrator", "euler"), mean=False, **common),
            NoiseFlowLoss(generator=stream()),
        ),
        ("gaussian", GaussianDynamics(**common), LikelihoodLoss(generator=stream())),
    ):
        optimiser = torch.optim.Adam(dynamics.parameters(), 3e-3)
        z, a = torch.full((1, D), 1 / SIZE).expand(256, -1), torch.zeros(1, 256, A)
        for _ in range(400):
            target = futures[torch.randint(2, (256,))]
            optimiser.zero_grad()
            loss.rollout(dynamics, z, a, target[None], 1.0).loss.backward()
            optimiser.step()
        drawn = dynamics(z, a[0], noise=torch.randn(256, D)).detach()
        apart = torch.stack([(drawn - future).abs().amax(-1) for future in futures])
        between[name] = (apart.amin(0) > 0.2).float().mean().item()
        if name == "flow":
            assert (apart.argmin(0) == 0).float().mean().item() == pytest.approx(0.5, abs=0.15)
    assert between["flow"] < 0.2 and between["gaussian"] > 0.9


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: NoiseFlowLoss(metric="path"), "loss.metric is start or landed"),
        (lambda: NoiseFlowLoss(times="all"), "loss.times is uniform or steps"),
        (lambda: LikelihoodLoss(step_weight=0.0), "loss.step_weight above 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()

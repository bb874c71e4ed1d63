"""The rectified-flow loss against the formulas of the straight path, one sample and one step at a time, in numpy."""

import numpy as np
import pytest
import torch

from wmzoo.contracts.common import enliven, noise, simplices
from wmzoo.dynamics.flow import FlowDynamics
from wmzoo.losses.rectified_flow import RectifiedFlowLoss
from wmzoo.registry import build

D, A, H, B, SIZE = 8, 2, 3, 5, 4


def make(**params):
    flow = FlowDynamics(
        latent_dim=D,
        action_dim=A,
        task_dim=2,
        units=[6],
        simnorm_dim=SIZE,
        integrator=build("integrator", "heun"),
        **params,
    )
    return enliven(flow.double())


def data():
    z0, targets = simplices(B, D, size=SIZE), simplices(H, B, D, size=SIZE, seed=2)
    return z0, noise(H, B, A, seed=1).tanh(), targets, noise(B, 2, seed=3)


def stream():
    return torch.Generator().manual_seed(11)


def log(z):
    return np.log(np.maximum(z, 1e-6))


def softmax(y):
    e = np.exp(y.reshape(-1, SIZE))
    return (e / e.sum(-1, keepdims=True)).reshape(-1)


def expected_loss(flow, sources, actions, targets, task, taus, gamma, logit):
    """Σ_t γ^t mean (v(z_τ, a, τ) − v*)², in logits by the change of z: z_τ ⊙ (δ − ⟨z_τ, δ⟩)."""
    total = 0.0
    for t in range(H):
        squares = []
        for b in range(B):
            z_s, z_star, tau = sources[t, b], targets[t, b], taus[t * B + b]
            start, end = (log(z_s), log(z_star)) if logit else (z_s, z_star)
            y_tau = (1 - tau) * start + tau * end
            z_tau = softmax(y_tau) if logit else y_tau
            row = (torch.from_numpy(x)[None] for x in (z_tau, actions[t, b], np.array([tau]), task[b], z_s))
            z_, a_, tau_, task_, source_ = row
            v = flow.velocity(z_, a_, tau_, task_, source=source_).detach().numpy()[0]
            delta = v - (end - start)
            if logit:
                g, d = z_tau.reshape(-1, SIZE), delta.reshape(-1, SIZE)
                delta = (g * (d - (g * d).sum(-1, keepdims=True))).reshape(-1)
            squares.append(delta**2)
        total += gamma**t * np.mean(squares)
    return total


@pytest.mark.parametrize("coordinates", ["latent", "logit"])
@pytest.mark.parametrize("conditioned", [False, True])
@pytest.mark.parametrize("tau", ["uniform", "midpoint"])
@pytest.mark.parametrize("source", ["predicted", "encoded"])
def test_the_loss_is_that_of_the_straight_paths(coordinates, conditioned, tau, source):
    flow = make(coordinates=coordinates, condition_on_source=conditioned)
    z0, actions, targets, task = data()
    loss = RectifiedFlowLoss(tau=tau, source=source, generator=stream())
    zs, value, _ = loss.rollout(flow, z0, actions, targets, 0.9, task)
    rows = [z0]
    for t in range(H):
        rows.append(flow(rows[-1], actions[t], task).detach())
    np.testing.assert_allclose(zs.detach(), torch.stack(rows), rtol=1e-12, atol=1e-12)
    sources = torch.stack(rows[:-1]) if source == "predicted" else torch.cat([z0[None], targets[:-1]])
    taus = torch.rand(H * B, 1, generator=stream()).double().flatten().numpy()
    if tau == "midpoint":
        taus = np.full(H * B, 0.5)
    arrays = (x.numpy() for x in (sources, actions, targets, task))
    expected = expected_loss(flow, *arrays, taus, 0.9, coordinates == "logit")
    np.testing.assert_allclose(value.item(), expected, rtol=1e-9)


def test_uniform_times_fill_the_unit_interval_one_per_sample_and_step():
    times = RectifiedFlowLoss(generator=stream())._times(40, 100, torch.zeros(4000, 3, dtype=torch.float64)).flatten()
    assert len(times.unique()) > 3900 and times.min() >= 0 and times.max() < 1
    quarters = torch.histc(times, 4, 0, 1) / 4000
    np.testing.assert_allclose(quarters, 0.25, atol=0.03)


@pytest.mark.parametrize("conditioned", [False, True])
def test_several_samples_are_averaged_and_each_lies_in_its_part_of_the_unit_interval(conditioned):
    samples = 4
    flow, (z0, actions, targets, task) = make(condition_on_source=conditioned), data()
    value = RectifiedFlowLoss(samples=samples, generator=stream()).rollout(flow, z0, actions, targets, 0.9, task).loss
    rows = [z0]
    for t in range(H - 1):
        rows.append(flow(rows[-1], actions[t], task).detach())
    draws = torch.rand(H, samples, B, generator=stream()).double().numpy()
    arrays = [x.numpy() for x in (torch.stack(rows), actions, targets, task)]
    by_sample = [
        expected_loss(flow, *arrays, ((draws[:, i] + i) / samples).flatten(), 0.9, True) for i in range(samples)
    ]
    np.testing.assert_allclose(value.item(), np.mean(by_sample), rtol=1e-6)  # the times are drawn in float32


@pytest.mark.parametrize("source_grad", [True, False])
def test_the_source_hears_of_the_loss_only_if_asked(source_grad):
    z0, actions, targets, task = data()
    z0.requires_grad_()
    flow = make(condition_on_source=True)
    RectifiedFlowLoss(source_grad=source_grad).rollout(flow, z0, actions, targets, 0.9, task).loss.backward()
    assert (z0.grad is not None) == source_grad
    assert all((p.grad != 0).any() for p in flow.parameters())


def test_a_predicted_source_carries_the_gradient_through_the_rollout_and_an_encoded_one_stops_it():
    """Of the action of the first step, which reaches later errors only through the predictions."""
    z0, actions, targets, task = data()
    flow, sizes = make(), {}
    for source in ("predicted", "encoded"):
        first = actions[0].clone().requires_grad_()
        loss = RectifiedFlowLoss(tau="midpoint", source=source)
        total = loss.rollout(flow, z0, torch.cat([first[None], actions[1:]]), targets, 1.0, task).loss
        alone = loss.rollout(flow, z0, first[None], targets[:1], 1.0, task).loss
        (both,) = torch.autograd.grad(total, first)
        (own,) = torch.autograd.grad(alone, first)
        sizes[source] = (both - own).abs().max().item()
    assert sizes["predicted"] > 1e-4 and sizes["encoded"] < 1e-15


@pytest.mark.parametrize(
    "wrong", [{"tau": "half"}, {"source": "real"}, {"samples": 0}, {"tau": "midpoint", "samples": 2}]
)
def test_an_unknown_setting_is_refused_with_the_known_ones(wrong):
    with pytest.raises(ValueError, match=r"uniform or midpoint|predicted or encoded|1 or more"):
        RectifiedFlowLoss(**wrong)

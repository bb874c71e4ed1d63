"""The rectified-flow loss against the formulas of the straight path, one sample and one step at a time, in numpy."""

import numpy as np
import pytest
import torch

from wmzoo.compute.distributed import World
from wmzoo.contracts.common import enliven, noise, simplices
from wmzoo.dynamics.flow import FlowDynamics
from wmzoo.losses.mse import MSELoss
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


def identity(z):
    return z


def root(z):
    return np.sqrt(np.maximum(z, 1e-6))


def on_sphere(y):
    squares = y.reshape(-1, SIZE) ** 2
    return (squares / squares.sum(-1, keepdims=True)).reshape(-1)


def expected_loss(flow, sources, actions, targets, task, taus, gamma, chart="logit", metric="path", rows=range(B)):
    """Σ_t γ^t mean of the squared errors, one path at a time.

    path: S(y_τ + h δ) − S(y_τ − h δ) over 2h, of δ = v − v* and a small h, the differential of the way back S. end: the
    same at y*. landed: S(y_τ + (1−τ) v) − z*.
    """
    to_chart, to_latent = {"latent": (identity, identity), "logit": (log, softmax), "sphere": (root, on_sphere)}[chart]
    land, h = on_simplices if chart == "latent" else to_latent, 1e-5
    total = 0.0
    for t in range(H):
        squares = []
        for b in rows:
            z_s, z_star, tau = sources[t, b], targets[t, b], taus[t * B + b]
            start, end = to_chart(z_s), to_chart(z_star)
            y_tau = (1 - tau) * start + tau * end
            z_tau = to_latent(y_tau)
            row = (torch.from_numpy(x)[None] for x in (z_tau, actions[t, b], np.array([tau]), task[b], z_s))
            z_, a_, tau_, task_, source_ = row
            v = flow.velocity(z_, a_, tau_, task_, source=source_).detach().numpy()[0]
            if metric == "landed":
                error = land(y_tau + (1 - tau) * v) - z_star
            else:
                delta, place = v - (end - start), to_chart(z_tau if metric == "path" else z_star)
                error = (to_latent(place + h * delta) - to_latent(place - h * delta)) / (2 * h)
            squares.append(error**2)
        total += gamma**t * np.mean(squares)
    return total


def on_simplices(z):
    """The nearest point of each simplex: max(z − θ, 0), θ such that the entries sum to 1, found by bisection."""
    landed = []
    for group in z.reshape(-1, SIZE):
        low, high = group.min() - 1, group.max()
        for _ in range(100):
            theta = (low + high) / 2
            low, high = (theta, high) if np.maximum(group - theta, 0).sum() > 1 else (low, theta)
        landed.append(np.maximum(group - theta, 0))
    return np.concatenate(landed)


def predictions(flow, z0, actions, task):
    """The rollout [H+1,B,D], by single steps."""
    rows = [z0]
    for action in actions:
        rows.append(flow(rows[-1], action, task).detach())
    return torch.stack(rows)


@pytest.mark.parametrize("coordinates", ["latent", "logit", "sphere"])
@pytest.mark.parametrize("conditioned", [False, True])
@pytest.mark.parametrize("tau", ["uniform", "midpoint"])
@pytest.mark.parametrize("source", ["predicted", "encoded"])
@pytest.mark.parametrize("metric", ["path", "end", "landed"])
def test_the_loss_is_that_of_the_straight_paths(coordinates, conditioned, tau, source, metric):
    flow = make(coordinates=coordinates, condition_on_source=conditioned)
    z0, actions, targets, task = data()
    loss = RectifiedFlowLoss(metric=metric, tau=tau, encoded=float(source == "encoded"), generator=stream())
    zs, value, _ = loss.rollout(flow, z0, actions, targets, 0.9, task)
    rows = predictions(flow, z0, actions, task)
    np.testing.assert_allclose(zs.detach(), rows, rtol=1e-12, atol=1e-12)
    sources = rows[:-1] if source == "predicted" else torch.cat([z0[None], targets[:-1]])
    taus = torch.rand(H * B, 1, generator=stream()).double().flatten().numpy()
    if tau == "midpoint":
        taus = np.full(H * B, 0.5)
    arrays = (x.numpy() for x in (sources, actions, targets, task))
    expected = expected_loss(flow, *arrays, taus, 0.9, coordinates, metric)
    np.testing.assert_allclose(value.item(), expected, rtol=1e-8)


@pytest.mark.parametrize("coordinates", ["latent", "logit", "sphere"])
def test_with_landed_a_predicted_end_counts_by_where_the_network_says_that_the_path_ends(coordinates):
    """S(y_τ + f) − z*, f the network's output as it is, or from 0.95 on (1−τ)/0.05 of it."""
    flow = make(coordinates=coordinates, predict="end", substeps=1)
    z0, actions, targets, task = data()
    settings = {"metric": "landed", "encoded": 1.0, "generator": stream()}
    value = RectifiedFlowLoss(**settings).rollout(flow, z0, actions, targets, 0.9, task).loss.item()
    taus = torch.rand(H, B, 1, generator=stream()).double()
    charts = {"latent": (identity, on_simplices), "logit": (log, softmax), "sphere": (root, on_sphere)}
    to_chart, land = charts[coordinates]
    expected = 0.0
    for t, sources in enumerate([z0, *targets[:-1]]):
        for b in range(B):
            z_s, z_star, tau = sources[b].numpy(), targets[t, b].numpy(), taus[t, b].item()
            y_tau = (1 - tau) * to_chart(z_s) + tau * to_chart(z_star)
            z_tau = y_tau if coordinates == "latent" else land(y_tau)
            seen = torch.cat([torch.from_numpy(z_tau), actions[t, b], taus[t, b], task[b]])
            f = flow.net(seen[None]).detach().numpy()[0]
            expected += 0.9**t * np.mean((land(y_tau + min(1, (1 - tau) / 0.05) * f) - z_star) ** 2) / B
    np.testing.assert_allclose(value, expected, rtol=1e-9)


def test_an_older_config_says_its_sources_in_other_words():
    flow, given = make(), data()
    old, new = ({"source": "encoded", "source_grad": False}, {"encoded": 1.0, "detached": 1.0})
    values = [
        RectifiedFlowLoss(**words, generator=stream()).rollout(flow, *given[:3], 0.9, given[3]) for words in (old, new)
    ]
    assert values[0].loss.item() == values[1].loss.item()


def test_both_terms_count_by_their_weights():
    """w_r Σ γ^t mean (z_{t+1} − z*)² + w_p Σ γ^t mean e²."""
    flow, (z0, actions, targets, task) = make(), data()
    rows = predictions(flow, z0, actions, task)
    taus = torch.rand(H * B, 1, generator=stream()).double().flatten().numpy()
    arrays = [x.numpy() for x in (rows[:-1], actions, targets, task)]
    path = expected_loss(flow, *arrays, taus, 0.9)
    rollout = sum(0.9**t * ((rows[t + 1] - targets[t]) ** 2).mean().item() for t in range(H))
    loss = RectifiedFlowLoss(rollout_weight=0.7, path_weight=0.2, generator=stream())
    value = loss.rollout(flow, z0, actions, targets, 0.9, task).loss.item()
    np.testing.assert_allclose(value, 0.7 * rollout + 0.2 * path, rtol=1e-9)


def test_a_share_of_the_rows_is_every_second_one_for_a_half():
    flow, (z0, actions, targets, task) = make(), data()
    rows = predictions(flow, z0, actions, task)
    taus = torch.rand(H * B, 1, generator=stream()).double().flatten().numpy()
    arrays = [x.numpy() for x in (rows[:-1], actions, targets, task)]
    value = RectifiedFlowLoss(rows=0.5, generator=stream()).rollout(flow, z0, actions, targets, 0.9, task).loss.item()
    np.testing.assert_allclose(value, expected_loss(flow, *arrays, taus, 0.9, rows=[0, 2, 4]), rtol=1e-9)


@pytest.mark.parametrize("tau", ["uniform", "midpoint"])
def test_a_share_of_the_times_is_zero_and_the_others_are_as_they_would_be_without(tau):
    loss = RectifiedFlowLoss(tau=tau, tau_zero=0.3, generator=stream())
    times = drawn_times(loss, 50, 100)
    np.testing.assert_allclose((times == 0).double().mean(), 0.3, atol=0.02)
    later = times[times > 0]
    if tau == "midpoint":
        assert set(later.tolist()) == {0.5}
    else:
        np.testing.assert_allclose(torch.histc(later, 4, 0, 1) / len(later), 0.25, atol=0.03)


def test_shares_of_the_rows_start_from_observations_without_a_gradient_and_with_one():
    """Of rows in the data's order each share is spread evenly. Where a source is, its value and its gradient tell."""
    rows = 1000
    predicted, targets = torch.zeros(2, rows, 1, requires_grad=True), torch.ones(2, rows, 1)
    sources = RectifiedFlowLoss(encoded=0.5, detached=0.4)._sources(predicted, targets, torch.arange(rows))
    sources[1].sum().backward()
    encoded, graded = sources[1].flatten() == 1, predicted.grad[1].flatten() == 1
    for part in (slice(0, 250), slice(250, 500), slice(500, 1000)):
        assert encoded[part].float().mean().item() == pytest.approx(0.5, abs=0.01)
        assert graded[part].float().mean().item() == pytest.approx(0.3, abs=0.01)  # of the other half 60 %
    assert not (encoded & graded).any()


def test_processes_that_share_a_batch_see_the_rows_of_one_that_has_it_all():
    """The mean of both halves' losses is the whole's, with every share in use."""
    settings = {"metric": "landed", "rollout_weight": 0.5, "path_weight": 0.5, "tau_zero": 0.5, "rows": 0.5}
    settings |= {"encoded": 0.5, "detached": 0.5}
    flow, z0, targets = make(), simplices(8, D, size=SIZE), simplices(H, 8, D, size=SIZE, seed=2)
    actions, task = noise(H, 8, A, seed=1).tanh(), noise(8, 2, seed=3)
    values = []
    for world in (World(), World(0, 2), World(1, 2)):
        loss, part = RectifiedFlowLoss(**settings, generator=stream()), world.part(8)
        loss.world = world
        values.append(loss.rollout(flow, z0[part], actions[:, part], targets[:, part], 0.9, task[part]).loss.item())
    np.testing.assert_allclose(values[0], (values[1] + values[2]) / 2, rtol=1e-9)


@pytest.mark.parametrize("trunk", ["own", "shared"])
def test_landing_at_the_start_of_the_path_is_the_single_step_of_an_mlp(trunk):
    """metric=landed and τ = 0: the mean square error of one Euler step from encoded observations, as MSELoss has it."""
    flow = make(trunk=trunk, train_integrator=build("integrator", "euler"), train_substeps=1)
    given, weights = data(), {"rollout_weight": 0.5, "rows": 0.5}
    path = RectifiedFlowLoss("landed", path_weight=0.5, tau_zero=1.0, encoded=1.0, generator=stream(), **weights)
    single = MSELoss(single_step_weight=0.5, **weights)
    one, other = (loss.rollout(flow, *given[:3], 0.9, given[3]).loss.item() for loss in (path, single))
    np.testing.assert_allclose(one, other, rtol=1e-12)


def drawn_times(loss, steps, batch):
    """τ of so many rows, flat."""
    like = torch.zeros(1, dtype=torch.float64)
    return loss._times(lambda: loss.drawn(torch.rand, (steps, loss.samples), batch, 1, like)).flatten()


def test_uniform_times_fill_the_unit_interval_one_per_sample_and_step():
    times = drawn_times(RectifiedFlowLoss(generator=stream()), 40, 100)
    assert len(times.unique()) > 3900 and times.min() >= 0 and times.max() < 1
    quarters = torch.histc(times, 4, 0, 1) / 4000
    np.testing.assert_allclose(quarters, 0.25, atol=0.03)


@pytest.mark.parametrize("conditioned", [False, True])
def test_several_samples_are_averaged_and_each_lies_in_its_part_of_the_unit_interval(conditioned):
    samples = 4
    flow, (z0, actions, targets, task) = make(condition_on_source=conditioned), data()
    value = RectifiedFlowLoss(samples=samples, generator=stream()).rollout(flow, z0, actions, targets, 0.9, task).loss
    rows = predictions(flow, z0, actions, task)[:-1]
    draws = torch.rand(H, samples, B, generator=stream()).double().numpy()
    arrays = [x.numpy() for x in (rows, actions, targets, task)]
    by_sample = [expected_loss(flow, *arrays, ((draws[:, i] + i) / samples).flatten(), 0.9) for i in range(samples)]
    np.testing.assert_allclose(value.item(), np.mean(by_sample), rtol=1e-6)  # the times are drawn in float32


@pytest.mark.parametrize("source_grad", [True, False])
def test_the_source_hears_of_the_loss_only_if_asked(source_grad):
    z0, actions, targets, task = data()
    z0.requires_grad_()
    flow = make(condition_on_source=True)
    for older in ({"source_grad": source_grad}, {"detached": 0.0 if source_grad else 1.0}):
        z0.grad = None
        RectifiedFlowLoss(**older).rollout(flow, z0, actions, targets, 0.9, task).loss.backward()
        assert (z0.grad is not None and bool((z0.grad != 0).any())) == source_grad
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
    ("wrong", "words"),
    [
        ({"tau": "half"}, "loss.tau is uniform or midpoint, not 'half'"),
        ({"source": "real"}, "loss.source is predicted or encoded"),
        ({"metric": "start"}, "loss.metric is path, end or landed"),
        ({"samples": 0}, "loss.samples is 1 or more"),
        ({"tau": "midpoint", "samples": 2}, "loss.samples is 1 or more, and 1 with loss.tau=midpoint"),
        ({"rows": 0.0}, "loss.rows is a share above 0"),
        ({"encoded": 1.5}, "loss.encoded is a share from 0 to 1, not 1.5"),
        ({"path_weight": 0.0}, "not both 0"),
        ({"rollout_weight": -1.0}, "are 0 or more"),
    ],
)
def test_an_unknown_setting_is_refused_with_the_known_ones(wrong, words):
    with pytest.raises(ValueError, match=words):
        RectifiedFlowLoss(**wrong)

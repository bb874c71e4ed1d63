"""The losses of average velocities, mean_flow and shortcut, against their formulas, one path at a time."""

import pytest
import torch

from wmzoo.contracts.common import enliven, noise, simplices
from wmzoo.dynamics.average_flow import AverageFlowDynamics
from wmzoo.losses.mean_flow import MeanFlowLoss
from wmzoo.losses.shortcut import ShortcutLoss

D, A, H, B, SIZE = 8, 2, 2, 6, 4


def make(**params):
    flow = AverageFlowDynamics(latent_dim=D, action_dim=A, task_dim=2, units=[6], simnorm_dim=SIZE, **params)
    return enliven(flow.double(), 0.5)


def data():
    z0, targets = simplices(B, D, size=SIZE), simplices(H, B, D, size=SIZE, seed=2)
    return z0, noise(H, B, A, seed=1).tanh(), targets, noise(B, 2, seed=3)


def stream():
    return torch.Generator().manual_seed(11)


def drawn():
    """τ and the second number of each row, as the losses draw them: [H·B] each."""
    draws = stream()
    return [torch.rand(H, 1, B, 1, generator=draws).double().flatten() for _ in range(2)]


def expected(flow, target_of, tau_of, metric):
    """Σ_t γ^t mean (J (u(y_τ, τ, τ′) − target))², γ = 0.9; target_of and tau_of work on one row.

    landed: the path that jumps by u in the place of the target and then goes on with y* − y_s, against z*; from an
    instant it goes on with u.
    """
    z0, actions, targets, task = data()
    first, second = drawn()
    z, total = z0, 0.0
    for t in range(H):
        squares = []
        for b in range(B):
            row = slice(b, b + 1)
            start, end = z[row].log(), targets[t, row].log()

            def u(y, begin, until, row=row, t=t):
                z = y.unflatten(-1, (-1, SIZE)).softmax(-1).flatten(-2)
                times = (torch.full((1, 1), time, dtype=torch.float64) for time in (begin, until))
                return flow.average_velocity(z, actions[t, row], *times, task[row]).detach()

            tau, until = tau_of(first[t * B + b].item(), second[t * B + b].item())
            y = (1 - tau) * start + tau * end
            target = target_of(u, y, tau, until, end - start, second[t * B + b].item())
            delta = u(y, tau, until) - target
            if metric == "landed":
                jump = until - tau or 1 - tau
                there = end + jump * (u(y, tau, until) - target)
                landed = there.unflatten(-1, (-1, SIZE)).softmax(-1).flatten(-2)
                squares.append((landed - targets[t, row]).square().mean())
                continue
            place = (y if metric == "path" else end).unflatten(-1, (-1, SIZE)).softmax(-1)
            delta = delta.unflatten(-1, (-1, SIZE))
            squares.append((place * (delta - (place * delta).sum(-1, keepdim=True))).square().mean())
        total += 0.9**t * torch.stack(squares).mean().item()
        z = flow(z, actions[t], task).detach()
    return total


def value(loss, flow):
    z0, actions, targets, task = data()
    return loss.rollout(flow, z0, actions, targets, 0.9, task).loss.item()


@pytest.mark.parametrize("metric", ["path", "end", "landed"])
@pytest.mark.parametrize("activation", ["mish", "silu"])
def test_mean_flows_target_is_the_velocity_and_the_change_of_the_average(metric, activation):
    """v + (τ′ − τ) du/dτ, the derivative along the path by central differences."""
    flow, instant, h = make(activation=activation), 0.4, 1e-5

    def tau_of(first, second):
        return first, first + (1 - first) * max((second - instant) / (1 - instant), 0.0)

    def target_of(u, y, tau, until, v, _):
        change = (u(y + h * v, tau + h, until) - u(y - h * v, tau - h, until)) / (2 * h)
        return v + (until - tau) * change

    found = value(MeanFlowLoss(instant, metric=metric, generator=stream()), flow)
    assert found == pytest.approx(expected(flow, target_of, tau_of, metric), rel=1e-6)


@pytest.mark.parametrize("metric", ["path", "end", "landed"])
@pytest.mark.parametrize("finest", [2, 8])
def test_a_shortcut_is_held_to_two_of_half_its_length_and_an_instant_to_the_velocity(metric, finest):
    flow, consistency = make(), 0.6
    levels = {2: 1, 8: 3}[finest]

    def jump_of(second):
        return 0.5 ** int(second / consistency * levels) if second < consistency else 0.0

    def tau_of(first, second):
        jump = jump_of(second)
        tau = first // jump * jump if jump else first
        return tau, tau + jump

    def target_of(u, y, tau, until, v, second):
        half = jump_of(second) / 2
        if not half:
            return v
        one = u(y, tau, tau + half)
        return (one + u(y + half * one, tau + half, until)) / 2

    found = value(ShortcutLoss(consistency, finest, metric=metric, generator=stream()), flow)
    assert found == pytest.approx(expected(flow, target_of, tau_of, metric), rel=1e-6)


def test_targets_take_no_gradient():
    """Of an average that is one number c, δ = c − sg[…]: its gradient is that of c alone."""

    class Constant(AverageFlowDynamics):
        def average_velocity(self, z, a, start, end, task_emb=None):
            return self.c.expand(len(z), D)

    for loss in (MeanFlowLoss(metric="path", generator=stream()), ShortcutLoss(1.0, metric="path", generator=stream())):
        flow = Constant(latent_dim=D, action_dim=A, task_dim=2, units=[6], coordinates="latent").double()
        flow.c = torch.zeros(D, dtype=torch.float64, requires_grad=True)
        z0, actions, targets, task = data()
        loss.rollout(flow, z0, actions[:1], targets[:1], 1.0, task).loss.backward()
        change = (targets[0] - z0).mean(0)
        of_an_instant = isinstance(loss, MeanFlowLoss)  # a jump is worth its halves, whatever c is
        torch.testing.assert_close(flow.c.grad, -2 * change / D if of_an_instant else torch.zeros(D).double())


@pytest.mark.parametrize("coordinates", ["logit", "latent", "sphere"])
def test_a_latent_step_is_so_many_jumps_in_the_chart(coordinates):
    flow, (z, actions, _, task) = make(substeps=3, coordinates=coordinates), data()
    y, a = flow.coordinates.chart(z), actions[0]
    for start in (0, 1 / 3, 2 / 3):
        times = torch.full((B, 1), start).double(), torch.full((B, 1), start + 1 / 3).double()
        y = y + flow.average_velocity(flow.coordinates.point(y), a, *times, task) / 3
    torch.testing.assert_close(flow(z, a, task), flow.coordinates.land(y))
    assert flow.nfe == 3


@pytest.mark.parametrize(
    ("make_loss", "words"),
    [
        (lambda: MeanFlowLoss(instant=2.0), "loss.instant is a share"),
        (lambda: ShortcutLoss(finest=6), "loss.finest is a power of two"),
        (lambda: ShortcutLoss(consistency=-1.0), "loss.consistency is a share"),
        (lambda: make(substeps=0), "dynamics.substeps is 1 or more"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make_loss, words):
    with pytest.raises(ValueError, match=words):
        make_loss()


@pytest.mark.parametrize("make_loss", [MeanFlowLoss, ShortcutLoss])
def test_with_several_samples_intervals_and_starts_know_nothing_of_each_other(make_loss):
    seen = {}

    class Watching(make_loss):
        def errors(self, dynamics, paths):
            seen["tau"], seen["second"] = paths.tau.flatten(), paths.second.flatten()
            return super().errors(dynamics, paths)

    z0, targets = simplices(2000, D, size=SIZE), simplices(1, 2000, D, size=SIZE, seed=2)
    given = z0, noise(1, 2000, A, seed=1), targets, 1.0, noise(2000, 2, seed=3)
    Watching(samples=2, generator=stream()).rollout(make(), *given)
    correlation = torch.corrcoef(torch.stack([seen["tau"], seen["second"]]))[0, 1]
    assert abs(correlation.item()) < 0.07

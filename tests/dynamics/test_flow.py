"""The flow dynamics: what its field sees, and what integrating it means."""

import pytest
import torch
from torch import nn

from wmzoo.contracts.common import enliven, noise, simplices
from wmzoo.dynamics.flow import FlowDynamics
from wmzoo.registry import build, list_entries

D, A, SIZE = 8, 2, 4


def make(integrator="heun", **params):
    return FlowDynamics(
        latent_dim=D, action_dim=A, integrator=build("integrator", integrator), units=[6], simnorm_dim=SIZE, **params
    ).double()


@pytest.fixture
def inputs():
    return simplices(3, D, size=SIZE), noise(3, A, seed=1)


@pytest.mark.parametrize("coordinates", ["latent", "logit"])
@pytest.mark.parametrize("condition_on_source", [False, True])
def test_a_flow_starts_by_predicting_no_change(coordinates, condition_on_source, inputs):
    flow = make(coordinates=coordinates, condition_on_source=condition_on_source)
    torch.testing.assert_close(flow(*inputs), inputs[0], rtol=0, atol=1e-11)


@pytest.mark.parametrize("integrator", list_entries("integrator"))
@pytest.mark.parametrize("substeps", [1, 3])
def test_a_latent_step_evaluates_the_field_as_often_as_promised(integrator, substeps, inputs, monkeypatch):
    flow = make(integrator, substeps=substeps)
    calls = []
    flow.net.register_forward_hook(lambda *_: calls.append(1))
    flow(*inputs)
    promised = flow.integrator.nfe(substeps)
    assert flow.nfe == promised and (0 < len(calls) < promised if flow.integrator.adaptive else len(calls) == promised)


def test_a_constant_velocity_in_latent_coordinates_is_a_sum(inputs):
    flow, shift = make(coordinates="latent", retract="none"), noise(D, seed=4)
    flow.net[-1].bias.data.copy_(shift)  # the weight is zero
    torch.testing.assert_close(flow(*inputs), inputs[0] + shift, rtol=0, atol=1e-13)


def test_a_constant_velocity_in_logit_coordinates_multiplies_the_odds(inputs):
    """z′ ∝ z · exp(shift) within each simplex."""
    flow, shift = make(coordinates="logit"), noise(D, seed=4)
    flow.net[-1].bias.data.copy_(shift)
    weighted = (inputs[0] * shift.exp()).unflatten(-1, (-1, SIZE))
    expected = (weighted / weighted.sum(-1, keepdim=True)).flatten(-2)
    torch.testing.assert_close(flow(*inputs), expected, rtol=0, atol=1e-12)


class Seen(nn.Module):
    """Keeps its inputs and answers with a constant."""

    def __init__(self):
        super().__init__()
        self.rows = []

    def forward(self, x):
        self.rows.append(x)
        return torch.full_like(x[:, :D], 0.1)


@pytest.mark.parametrize("coordinates", ["latent", "logit"])
def test_the_field_sees_a_latent_the_action_the_time_and_the_source(coordinates, inputs):
    """[z_τ, a, τ, z_s]: in logit coordinates too, what it sees is a latent and not its logits."""
    flow = make("heun", coordinates=coordinates, condition_on_source=True, substeps=2)
    flow.net = Seen()
    z, a = inputs
    flow(z, a)
    for row, tau in zip(flow.net.rows, [0.0, 0.5, 0.5, 1.0], strict=True):
        z_tau, action, time, source = row.split([D, A, 1, D], -1)
        if coordinates == "logit":
            torch.testing.assert_close(z_tau.sum(-1), torch.full((3,), 2.0, dtype=torch.float64))
        assert torch.equal(action, a) and torch.equal(source, z)
        torch.testing.assert_close(time, torch.full((3, 1), tau, dtype=torch.float64))
    torch.testing.assert_close(flow.net.rows[0][:, :D], z, rtol=0, atol=1e-11)


def test_the_velocity_depends_on_time_and_on_the_source_only_if_conditioned(inputs):
    z, a = inputs
    start, end, source = torch.zeros(3, 1).double(), torch.ones(3, 1).double(), simplices(3, D, size=SIZE, seed=6)
    for conditioned in (False, True):
        flow = enliven(make(condition_on_source=conditioned))
        v = flow.velocity(z, a, start, source=z)
        assert not torch.allclose(v, flow.velocity(z, a, end, source=z))
        assert torch.allclose(v, flow.velocity(z, a, start, source=source)) != conditioned


def test_a_conditioned_field_without_its_source_is_refused(inputs):
    with pytest.raises(ValueError, match="source"):
        make(condition_on_source=True).velocity(*inputs, torch.zeros(3, 1).double())


def test_fewer_than_one_sub_step_is_refused():
    with pytest.raises(ValueError, match="from 1 to 1024, not 0"):
        make(substeps=0)


@pytest.mark.parametrize("retract", ["project", "renormalise", "none"])
def test_an_integrated_latent_outside_of_the_simplex_lands_as_retract_says(retract, inputs):
    z_next = enliven(make(coordinates="latent", retract=retract), 2.0)(*inputs).detach().unflatten(-1, (-1, SIZE))
    on_it = bool((z_next >= 0).all()) and torch.allclose(z_next.sum(-1), torch.ones(3, 2, dtype=torch.float64))
    assert on_it == (retract != "none")


def test_a_shared_trunk_runs_once_per_latent_step_and_its_head_once_per_evaluation(inputs):
    flow, calls = enliven(make("rk4", substeps=2, trunk="shared")), []
    flow.net.trunk.register_forward_hook(lambda *_: calls.append("trunk"))
    flow.net.out.register_forward_hook(lambda *_: calls.append("head"))
    flow(*inputs)
    assert calls.count("trunk") == 1 and calls.count("head") == flow.integrator.nfe(2)


def test_a_shared_trunk_knows_the_source_and_the_action_and_its_head_the_place_and_the_time(inputs):
    """v = W act(LayerNorm(h(z_s, a) + P [z, τ])), written out."""
    flow = enliven(make(trunk="shared", activation="silu"))
    (source, a), z, tau = inputs, simplices(3, D, size=SIZE, seed=7), torch.tensor([[0.0], [0.4], [1.0]]).double()
    (trunk,) = flow.net.trunk  # of one width: a single Linear
    x = torch.cat([source, a], -1) @ trunk.weight.T + trunk.bias + torch.cat([z, tau], -1) @ flow.net.place.weight.T
    x = (x - x.mean(-1, keepdim=True)) / (x.var(-1, correction=0, keepdim=True) + flow.net.norm.eps).sqrt()
    x = x * flow.net.norm.weight + flow.net.norm.bias
    expected = (x / (1 + (-x).exp())) @ flow.net.out.weight.T + flow.net.out.bias
    torch.testing.assert_close(flow.velocity(z, a, tau, source=source), expected, rtol=1e-12, atol=1e-12)
    with pytest.raises(ValueError, match="source"):
        flow.velocity(z, a, tau)


def test_a_predicted_end_is_where_one_euler_step_arrives_from_any_time(inputs):
    """y_τ + (1 − τ) v = y_τ + f; near the end the division is by 0.05."""
    (z, a), velocity = inputs, enliven(make())
    flow = make(predict="end")
    flow.load_state_dict(velocity.state_dict())
    for tau, rest in ((0.0, 1.0), (0.5, 0.5), (0.98, 0.05)):
        times = torch.full((3, 1), tau).double()
        torch.testing.assert_close(flow.velocity(z, a, times) * rest, velocity.velocity(z, a, times))


class WayTo(nn.Module):
    """The way from where it is to an end."""

    def __init__(self, end):
        super().__init__()
        self.end = end

    def forward(self, x):
        return self.end - x[:, :D]


@pytest.mark.parametrize("steps", [1, 20, 32])
def test_a_predicted_end_is_reached_however_many_the_sub_steps(steps, inputs):
    """Of dy/dτ = (D − y)/(1 − τ) Euler's last sub-step goes the whole way that is left."""
    flow = make("euler", substeps=steps, predict="end", coordinates="latent", retract="none")
    flow.net = WayTo(simplices(1, D, size=SIZE, seed=7))
    torch.testing.assert_close(flow(*inputs), flow.net.end.expand(3, -1), rtol=0, atol=1e-12)


def test_rollouts_in_training_have_an_integrator_and_sub_steps_of_their_own(inputs):
    flow = enliven(make("heun", substeps=3, train_integrator=build("integrator", "euler"), train_substeps=1))
    euler, heun = make("euler", substeps=1), make("heun", substeps=3)
    for other in (euler, heun):
        other.load_state_dict(flow.state_dict())
    assert torch.equal(flow.rollout_step(*inputs), euler(*inputs)) and torch.equal(flow(*inputs), heun(*inputs))
    assert (flow.nfe, flow.forward_nfe) == (1, 6) and not torch.allclose(flow(*inputs), flow.rollout_step(*inputs))
    assert torch.equal(heun.rollout_step(*inputs), heun(*inputs)) and (heun.nfe, heun.forward_nfe) == (6, 6)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"trunk": "none"}, "dynamics.trunk is own or shared, not 'none'"),
        ({"predict": "noise"}, "dynamics.predict is velocity or end, not 'noise'"),
        ({"train_substeps": 0}, "dynamics.train_substeps is from 1"),
    ],
)
def test_unknown_forms_are_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        make(**wrong)

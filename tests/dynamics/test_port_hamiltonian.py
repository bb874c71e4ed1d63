"""Energy is kept, lost and brought in as the equations say; oracles are autograd's gradient and a fine solution."""

import pytest
import torch

from wmzoo.contracts.common import enliven, noise, simplices
from wmzoo.dynamics.port_hamiltonian import PortHamiltonianDynamics
from wmzoo.integrators.rk4 import RK4

NO_ACTION = torch.zeros(5, 2, dtype=torch.float64)


def live(coordinates="logit", **settings):
    torch.manual_seed(0)
    model = PortHamiltonianDynamics(
        latent_dim=16, action_dim=2, integrator=RK4(), units=(12, 8), coordinates=coordinates, **settings
    )
    return enliven(model.double())


def closed(model):
    """Without the port."""
    with torch.no_grad():
        model.push.weight.zero_()
    return model


@pytest.mark.parametrize("coordinates", ["latent", "logit"])
def test_the_velocity_is_made_of_the_energys_gradient_in_the_chart(coordinates):
    model, z, a = live(coordinates), simplices(5, 16), noise(5, 2, seed=1)
    y = model.coordinates.chart(z).requires_grad_()
    (gradient,) = torch.autograd.grad(model.energy(model.coordinates.point(y)).sum(), y)
    turn = (model.exchange - model.exchange.T) / 4  # √16
    loss = model.dissipate @ model.dissipate.T
    port = model.push(model.port(a) * (1 + model.hidden(z).tanh()))
    expected = gradient @ (turn - loss).T + port
    torch.testing.assert_close(model.velocity(z, a, torch.zeros(5, 1)), expected)


def test_without_loss_and_port_energy_is_conserved_and_with_loss_it_falls():
    conserving, losing = closed(live(substeps=200)), closed(live(substeps=200))
    with torch.no_grad():
        conserving.dissipate.zero_()
    z = simplices(5, 16)
    before, after = conserving.energy(z), conserving.energy(conserving(z, NO_ACTION))
    assert (conserving(z, NO_ACTION) - z).abs().max() > 0.01, "it moves"
    torch.testing.assert_close(after, before, rtol=1e-8, atol=0)
    assert (losing.energy(losing(z, NO_ACTION)) < losing.energy(z) - 1e-4).all()


def test_energy_is_never_negative_and_does_not_overflow():
    model = live()
    assert (model.energy(simplices(100, 16)) >= 0).all()
    assert model.energy(1e6 * noise(3, 16)).isfinite().all()


def test_actions_enter_in_proportion():
    model, z, a = live(), simplices(5, 16), noise(5, 2, seed=1)
    with torch.no_grad():
        model.port.bias.zero_()
    still = model.velocity(z, 0 * a, torch.zeros(5, 1))
    torch.testing.assert_close(
        model.velocity(z, 3 * a, torch.zeros(5, 1)) - still, 3 * (model.velocity(z, a, torch.zeros(5, 1)) - still)
    )


def test_a_chart_without_a_symmetric_differential_is_refused():
    with pytest.raises(ValueError, match="latent or logit"):
        live("sphere")

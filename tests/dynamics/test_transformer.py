"""Attention between simplices knows them by their places alone."""

import torch

from wmzoo.contracts.common import enliven, noise, simplices
from wmzoo.dynamics.transformer import TransformerDynamics


def test_without_places_the_simplices_have_no_order_and_with_them_they_do():
    model = enliven(TransformerDynamics(latent_dim=24, action_dim=2, units=(12,), width=8, heads=2).double())
    z, a = simplices(5, 24), noise(5, 2, seed=1)
    turned = z.unflatten(-1, (3, 8)).roll(1, -2).flatten(-2)

    def turn_back(z):
        return z.unflatten(-1, (3, 8)).roll(-1, -2).flatten(-2)

    assert not torch.allclose(turn_back(model(turned, a)), model(z, a))
    with torch.no_grad():
        model.places.zero_()
    torch.testing.assert_close(turn_back(model(turned, a)), model(z, a))


def test_every_simplex_sees_every_other():
    model = enliven(TransformerDynamics(latent_dim=24, action_dim=2, units=(12,), width=8, heads=2).double())
    z, a = simplices(1, 24)[0], noise(2, seed=1)
    by_z = torch.autograd.functional.jacobian(lambda z: model.change(z, a), z)
    blocks = by_z.unflatten(0, (3, 8)).unflatten(-1, (3, 8)).abs().amax((1, 3))
    assert (blocks > 1e-6).all()

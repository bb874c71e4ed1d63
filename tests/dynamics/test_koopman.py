"""Linear where it says so."""

import torch

from wmzoo.contracts.common import enliven, noise, simplices
from wmzoo.dynamics.koopman import KoopmanDynamics


def live(**settings):
    return enliven(KoopmanDynamics(latent_dim=16, action_dim=2, **settings).double())


def test_for_one_action_the_change_is_affine_in_the_chart_and_for_one_latent_in_the_action():
    model, a, b = live(coordinates="latent", units=(8, 4)), noise(1, 2), noise(1, 2, seed=1)
    y, w = noise(1, 16, seed=2), noise(1, 16, seed=3)
    torch.testing.assert_close(model.change((y + w) / 2, a), (model.change(y, a) + model.change(w, a)) / 2)
    torch.testing.assert_close(model.change(y, (a + b) / 2), (model.change(y, a) + model.change(y, b)) / 2)
    apart = model.change(y, a) - model.change(w, a)
    assert not torch.allclose(apart, model.change(y, b) - model.change(w, b))  # bilinear, not a sum


def test_the_matrix_of_an_action_has_the_rank_that_the_units_sum_to():
    model, a = live(coordinates="latent", units=(3, 2)), noise(2)
    matrix = torch.autograd.functional.jacobian(lambda y: model.change(y, a), noise(16, seed=1))
    assert torch.linalg.matrix_rank(matrix) == 5


def test_in_logits_it_is_linear_in_the_logits():
    model, a, z = live(units=(8,)), noise(3, 2), simplices(3, 16)
    latent = live(coordinates="latent", units=(8,))
    latent.load_state_dict(model.state_dict())
    torch.testing.assert_close(model.change(z, a), latent.change(z.log(), a))

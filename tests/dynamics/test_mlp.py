"""The MLP dynamics and its residual forms against formulas."""

import numpy as np
import pytest
import torch

from wmzoo.contracts.common import enliven, noise, simplices
from wmzoo.dynamics.mlp import MLPDynamics

D, A, SIZE = 8, 2, 4


def make(**params):
    return MLPDynamics(latent_dim=D, action_dim=A, units=[6], simnorm_dim=SIZE, **params).double()


def softmax(x):
    e = np.exp(x.reshape(len(x), -1, SIZE))
    return (e / e.sum(-1, keepdims=True)).reshape(x.shape)


def layer_norm(x, layer):
    centred = x - x.mean(-1, keepdims=True)
    normed = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    return normed * layer.weight.detach().numpy() + layer.bias.detach().numpy()


def linear(x, layer):
    return x @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()


def mish(x):
    return x * np.tanh(np.log1p(np.exp(x)))


def hidden(net, z, a):
    return mish(layer_norm(linear(np.concatenate([z, a], -1), net[0]), net[0].norm))


@pytest.fixture
def inputs():
    return simplices(3, D, size=SIZE), noise(3, A, seed=1)


@pytest.mark.parametrize("residual", ["latent", "logit"])
def test_a_residual_dynamics_starts_by_predicting_no_change(residual, inputs):
    torch.testing.assert_close(make(residual=residual)(*inputs), inputs[0], rtol=0, atol=1e-11)


def test_the_public_form_is_simnorm_of_a_normalised_layer(inputs):
    dynamics = enliven(make(residual="none"))
    z, a = (x.numpy() for x in inputs)
    expected = softmax(layer_norm(linear(hidden(dynamics.net, z, a), dynamics.net[1]), dynamics.net[1].norm))
    np.testing.assert_allclose(dynamics(*inputs).detach(), expected, rtol=1e-9, atol=1e-12)


def test_the_logit_residual_adds_to_the_logarithm(inputs):
    dynamics = enliven(make(residual="logit"))
    z, a = (x.numpy() for x in inputs)
    expected = softmax(np.log(np.maximum(z, 1e-6)) + linear(hidden(dynamics.net, z, a), dynamics.net[1]))
    np.testing.assert_allclose(dynamics(*inputs).detach(), expected, rtol=1e-9, atol=1e-12)


def test_the_latent_residual_adds_to_the_latent(inputs):
    dynamics = enliven(make(residual="latent", retract="none"))
    z, a = (x.numpy() for x in inputs)
    expected = z + linear(hidden(dynamics.net, z, a), dynamics.net[1])
    np.testing.assert_allclose(dynamics(*inputs).detach(), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("retract", ["project", "renormalise", "none"])
def test_a_latent_sum_outside_of_the_simplex_lands_as_retract_says(retract, inputs):
    dynamics = enliven(make(residual="latent", retract=retract), scale=2.0)
    z_next = dynamics(*inputs).detach().unflatten(-1, (-1, SIZE))
    on_it = bool((z_next >= 0).all()) and torch.allclose(z_next.sum(-1), torch.ones(3, 2, dtype=torch.float64))
    assert on_it == (retract != "none")


def test_an_unknown_residual_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="none, latent, logit"):
        make(residual="additive")

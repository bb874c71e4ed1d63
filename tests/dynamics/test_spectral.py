"""What is bounded stays bounded, by singular values that numpy's decomposition finds."""

import numpy as np
import pytest
import torch
from tiny import ACT, GROUP, LATENT, slices, tiny_agent, tiny_pwm

from wmzoo.contracts.common import enliven, noise, simplices
from wmzoo.dynamics.spectral import BoundedLinear, SpectralDynamics

STEEPEST = 1.0998  # slope of SiLU


def greatest(matrix):
    return np.linalg.svd(matrix.detach().numpy(), compute_uv=False)[0]


@pytest.mark.parametrize("scale", [0.01, 0.1, 10.0])
@pytest.mark.parametrize("shape", [(256, 256), (134, 256), (256, 128)])
def test_the_norm_is_found_from_below_to_a_few_percent(shape, scale):
    layer = BoundedLinear(*shape, bound=2.0)
    torch.nn.init.normal_(layer.weight, std=scale)
    assert 0.94 < layer.spectral_norm().item() / greatest(layer.weight) < 1 + 1e-5


def test_a_layer_within_the_bound_is_left_and_one_above_is_brought_to_it():
    layer, x = BoundedLinear(6, 5, bound=2.0).double(), noise(4, 6)
    plain = torch.nn.functional.linear(x, layer.weight, layer.bias)
    torch.testing.assert_close(layer(x), plain, rtol=0, atol=0)
    with torch.no_grad():
        layer.weight.mul_(100)
    effective = torch.autograd.functional.jacobian(layer, x[0])
    assert greatest(effective) == pytest.approx(2.0, rel=0.02)


def test_no_difference_of_inputs_is_stretched_more_than_the_layers_allow():
    model = enliven(SpectralDynamics(latent_dim=16, action_dim=2, units=(24, 20), bound=1.5).double(), 3.0)
    z, a = simplices(8, 16), noise(8, 2, seed=1)
    for row, act in zip(z, a, strict=True):
        by_z, by_a = torch.autograd.functional.jacobian(model.change, (row, act))
        assert greatest(torch.cat([by_z, by_a], -1)) < 1.5**3 * STEEPEST**2 * 1.1  # σ is a few percent low


def test_the_gradient_knows_the_norm():
    """σ's derivative by W is u vᵀ: W·b/σ(W) does not change where W grows."""
    layer = BoundedLinear(4, 4, bound=1.0).double()
    with torch.no_grad():
        layer.weight.mul_(50)
    (layer(torch.eye(4, dtype=torch.float64)) - layer.bias).square().sum().backward()
    along = (layer.weight.grad * layer.weight).sum() / layer.weight.norm() / layer.weight.grad.norm()
    assert abs(along.item()) < 1e-3


def test_how_many_layers_are_bounded_is_a_figure_of_the_world_model_s_update():
    """By singular values that differ enough for the power iteration to find them."""
    agent = tiny_agent()
    bounded = SpectralDynamics(latent_dim=LATENT, action_dim=ACT, units=(6, 6, 6), simnorm_dim=GROUP).double()
    agent.world_model.dynamics = bounded
    layers = [layer for layer in bounded.net if isinstance(layer, BoundedLinear)]
    with torch.no_grad():
        for layer, norm in zip(layers, (0.5, 1.9, 2.1, 30.0), strict=True):
            layer.weight.zero_().fill_diagonal_(norm / 2)
            layer.weight[0, 0] = norm
    assert [greatest(layer.weight) > 2 for layer in layers] == [False, False, True, True]
    figures = tiny_pwm(agent).update_model(slices())
    assert figures["bound_binds"].item() == 0.5

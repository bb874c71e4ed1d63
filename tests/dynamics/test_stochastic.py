"""Stochastic dynamics against the distributions that they say they are."""

import math

import pytest
import torch
from scipy import stats

from wmzoo.contracts.common import enliven, noise, simplices
from wmzoo.dynamics.categorical import CategoricalDynamics
from wmzoo.dynamics.gaussian import GaussianDynamics
from wmzoo.dynamics.noise_flow import NoiseFlowDynamics
from wmzoo.registry import build

D, A, SIZE, MANY = 8, 2, 4, 40_000
COMMON = {"latent_dim": D, "action_dim": A, "units": [6], "simnorm_dim": SIZE}


def groups(x):
    return x.unflatten(-1, (-1, SIZE))


@pytest.fixture
def inputs():
    return simplices(1, D, size=SIZE), noise(1, A, seed=1)


def many(dynamics, inputs):
    z, a = (x.expand(MANY, -1) for x in inputs)
    return dynamics(z, a, noise=noise(MANY, dynamics.noise_dim, seed=5)).detach()


def test_a_gaussian_has_the_moments_and_the_density_that_it_says(inputs):
    dynamics = enliven(GaussianDynamics(coordinates="latent", retract="none", **COMMON).double(), 0.5)
    mean, log_std = (x.detach() for x in dynamics.distribution(*inputs))
    drawn = many(dynamics, inputs)
    torch.testing.assert_close(drawn.mean(0), mean[0], rtol=0, atol=0.05)
    torch.testing.assert_close(drawn.std(0).log(), log_std[0], rtol=0, atol=0.03)
    assert (dynamics(*inputs) - mean).abs().max() == 0 and log_std.std() > 0.01
    target = simplices(1, D, size=SIZE, seed=3)
    density = stats.norm.logpdf(target, mean, log_std.exp())
    constant = 4 - 0.5 * math.log(2 * math.pi)  # −min log σ, and what the normal's density has beside
    torch.testing.assert_close(dynamics.surprise(*inputs, target), torch.from_numpy(constant - density))


def test_a_gaussian_spreads_the_logits_of_the_present_latent_at_first(inputs):
    dynamics = GaussianDynamics(**COMMON).double()
    mean, log_std = dynamics.distribution(*inputs)
    torch.testing.assert_close(mean, inputs[0].log())
    torch.testing.assert_close(log_std, torch.full_like(log_std, -2.0))
    torch.testing.assert_close(dynamics(*inputs), inputs[0])


def test_the_largest_entry_of_a_categorical_sample_is_each_with_its_probability(inputs):
    """Gumbel's maximum: argmax(log p + g) is distributed as p, at any temperature."""
    dynamics = enliven(CategoricalDynamics(temperature=0.3, **COMMON).double(), 0.5)
    drawn, p = groups(many(dynamics, inputs)), groups(dynamics(*inputs).detach())[0]
    found = torch.nn.functional.one_hot(drawn.argmax(-1), SIZE).double().mean(0)
    torch.testing.assert_close(found, p, rtol=0, atol=4 * 0.5 / math.sqrt(MANY))
    assert drawn.amax(-1).mean() > 0.8  # nearly one-hot
    torch.testing.assert_close(drawn.sum(-1), torch.ones(MANY, 2).double())


def test_a_categoricals_surprise_is_the_divergence_from_the_target(inputs):
    dynamics = enliven(CategoricalDynamics(**COMMON).double(), 0.5)
    target, p = groups(simplices(1, D, size=SIZE, seed=3)), groups(dynamics(*inputs).detach())
    by_group = groups(dynamics.surprise(*inputs, target.flatten(-2))).sum(-1)
    torch.testing.assert_close(by_group, torch.from_numpy(stats.entropy(target, p, axis=-1)))
    assert dynamics.surprise(*inputs, dynamics(*inputs)).abs().max() < 1e-12


def flow(integrator="euler", **params):
    return enliven(NoiseFlowDynamics(integrator=build("integrator", integrator), **COMMON, **params).double(), 0.5)


@pytest.mark.parametrize("mean", [True, False])
def test_a_sample_is_noise_carried_along_the_field_and_added_in_the_chart(inputs, mean):
    dynamics, (z, a), x = flow(mean=mean, substeps=3, scale=0.7), inputs, noise(1, D, seed=5)
    start, field = z.log(), dynamics.noise_field(z, a)
    for k in range(3):
        x = x + field(x, torch.full((1, 1), k / 3).double()) / 3
    y = start + (dynamics.centre(z, a) if mean else 0) + 0.7 * x
    expected = groups(y).softmax(-1).flatten(-2)
    torch.testing.assert_close(dynamics(z, a, noise=noise(1, D, seed=5)), expected)
    alone = start + dynamics.centre(z, a)
    by_mean = groups(alone).softmax(-1).flatten(-2) if mean else dynamics.sample(z, a, torch.zeros(1, D).double())
    torch.testing.assert_close(dynamics(z, a), by_mean)
    assert dynamics.nfe == 3


@pytest.mark.parametrize("steps", [2, 32])
def test_a_predicted_end_is_approached_by_the_share_of_the_way_that_is_left(inputs, steps):
    """x ← x + (D − x)/(K − k): after the last sub-step the sample is at D."""
    dynamics, (z, a), x = flow(predict="end", mean=False, substeps=steps, scale=0.5), inputs, noise(1, D, seed=5)
    trunk = dynamics.net.trunk(torch.cat([z, a], -1))
    for k in range(steps):
        tau = torch.full((1, 1), k / steps).double()
        end = dynamics.net(trunk, torch.cat([tau * x, tau], -1)) / 0.5
        x = x + (end - x) / (steps - k)
    torch.testing.assert_close(x, end)
    expected = groups(z.log() + 0.5 * end).softmax(-1).flatten(-2)
    torch.testing.assert_close(dynamics(z, a, noise=noise(1, D, seed=5)), expected)


def test_the_trunk_runs_once_per_latent_step(inputs):
    dynamics, calls = flow("rk4", substeps=4), []
    dynamics.net.trunk.register_forward_hook(lambda *_: calls.append(1))
    dynamics(*inputs, noise=noise(1, D))
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: flow(predict="noise"), "dynamics.predict is velocity or end"),
        (lambda: flow(scale=0.0), "dynamics.scale is above 0"),
        (lambda: CategoricalDynamics(temperature=0.0, **COMMON), "dynamics.temperature is above 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()

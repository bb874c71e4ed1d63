"""What a rectified flow can and cannot learn, on couplings whose optimal field is known.

Where the straight paths of a coupling meet at no (z, τ), the optimal field is the velocity of the one path through each
point, and integrating it gives the coupling back. Where they meet, it is their average: the distribution of next
latents survives, the pairing does not. For z* = −z all paths meet at (0, ½).
"""

import pytest
import torch
from torch import nn

from wmzoo.contracts.common import noise
from wmzoo.dynamics.flow import FlowDynamics
from wmzoo.losses.mse import MSELoss
from wmzoo.losses.rectified_flow import RectifiedFlowLoss
from wmzoo.registry import build

ON_PATH = ["euler", "midpoint", "heun", "rk4"]
SHIFT = torch.tensor([0.5, -1.0])
COUPLINGS = {  # z* = M z + shift
    "stretched": torch.tensor([[3.0, 0.0], [0.0, 0.4]]),
    "a quarter turn, whose paths cross in space but never at one time": torch.tensor([[0.0, -1.0], [1.0, 0.0]]),
}


def make(dim, integrator="heun", substeps=2, **params):
    return FlowDynamics(
        latent_dim=dim,
        action_dim=1,
        integrator=build("integrator", integrator),
        substeps=substeps,
        units=[64, 64],
        activation="silu",
        **{"coordinates": "latent", "retract": "none", **params},
    )


def step_loss(loss, flow, z, z_star):
    """The loss of one latent step under an action of zero, which tells nothing."""
    return loss.rollout(flow, z, torch.zeros(1, len(z), 1, dtype=z.dtype), z_star.unsqueeze(0), 1.0).loss


def fit(flow, sample, updates=500):
    """Train on fresh pairs (z, z*) of `sample(generator)`; gives the mean loss of the last 50 updates."""
    optimiser = torch.optim.Adam(flow.parameters(), 5e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 5e-3, total_steps=updates)
    generator = torch.Generator().manual_seed(0)
    loss, losses = RectifiedFlowLoss(generator=generator), []
    for _ in range(updates):
        optimiser.zero_grad()
        value = step_loss(loss, flow, *sample(generator))
        value.backward()
        optimiser.step()
        schedule.step()
        losses.append(value.item())
    return sum(losses[-50:]) / 50


def predict(flow, z):
    with torch.no_grad():
        return flow(z, torch.zeros(len(z), 1, dtype=z.dtype))


class Field(nn.Module):
    """A closed-form field in the place of the network: function(z_τ, τ)."""

    def __init__(self, dim, function):
        super().__init__()
        self.dim, self.function = dim, function

    def forward(self, x):
        return self.function(x[:, : self.dim], x[:, self.dim + 1 : self.dim + 2])


def straight(matrix, shift):
    """The path came from z = A(τ)⁻¹ (z_τ − τ shift), A(τ) = (1−τ) I + τ M; its velocity is (M − I) z + shift."""
    eye = torch.eye(2, dtype=torch.float64)
    matrix, shift = matrix.double(), shift.double()

    def field(z_tau, tau):
        path = (1 - tau).unsqueeze(-1) * eye + tau.unsqueeze(-1) * matrix
        z = torch.linalg.solve(path, (z_tau - tau * shift).unsqueeze(-1)).squeeze(-1)
        return z @ (matrix - eye).T + shift

    return Field(2, field)


@pytest.fixture(autouse=True)
def _one_initialisation():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.mark.parametrize("coupling", COUPLINGS)
@pytest.mark.parametrize("integrator", ON_PATH)
@pytest.mark.parametrize("substeps", [1, 3])
def test_the_optimal_field_has_no_loss_and_integrates_to_the_coupling(coupling, integrator, substeps):
    flow = make(2, integrator, substeps)
    flow.net = straight(COUPLINGS[coupling], SHIFT)
    z = noise(64, 2)
    z_star = z @ COUPLINGS[coupling].double().T + SHIFT
    torch.testing.assert_close(predict(flow, z), z_star, rtol=0, atol=1e-12)
    assert step_loss(RectifiedFlowLoss(), flow, z, z_star) < 1e-24
    assert step_loss(MSELoss(), flow, z, z_star) < 1e-24


@pytest.mark.slow
@pytest.mark.parametrize("coupling", COUPLINGS)
def test_a_fitted_field_reaches_the_coupling(coupling):
    """Root mean square error of the prediction below 6% of the distance travelled."""
    flow = make(2)

    def sample(generator):
        z = torch.randn(256, 2, generator=generator)
        return z, z @ COUPLINGS[coupling].T + SHIFT

    loss = fit(flow, sample)
    z, z_star = sample(torch.Generator().manual_seed(1))
    travelled = (z_star - z).square().mean()
    assert loss < 0.06**2 * travelled
    assert (predict(flow, z) - z_star).square().mean() < 0.06**2 * travelled


def pairs_of_odds(generator, slope, shift, dtype=torch.float32):
    """Latents (p, 1−p) with log-odds u ~ N(0, 1), and the ones with log-odds slope·u + shift."""
    u = torch.randn(256, 1, generator=generator, dtype=dtype)
    return tuple(torch.cat([x.sigmoid(), (-x).sigmoid()], -1) for x in (u, slope * u + shift))


def odds_field(slope, shift):
    def field(z_tau, tau):
        u_tau = z_tau[:, :1].log() - z_tau[:, 1:].log()
        u = (u_tau - tau * shift) / (1 + tau * (slope - 1))
        y, y_star = (torch.cat([x, -x], -1).sigmoid().log() for x in (u, slope * u + shift))
        return y_star - y

    return Field(2, field)


@pytest.mark.parametrize("integrator", ON_PATH)
def test_in_logits_the_optimal_field_integrates_to_an_affine_map_of_log_odds(integrator):
    flow = make(2, integrator, 2, coordinates="logit", simnorm_dim=2)
    flow.net = odds_field(2.0, 0.5)
    z, z_star = pairs_of_odds(torch.Generator().manual_seed(1), 2.0, 0.5, torch.float64)
    torch.testing.assert_close(predict(flow, z), z_star, rtol=0, atol=1e-12)
    assert step_loss(RectifiedFlowLoss(), flow, z, z_star) < 1e-24


@pytest.mark.slow
def test_in_logits_a_fitted_field_reaches_it_too():
    """Largest error below 0.02 of a probability."""
    flow = make(2, coordinates="logit", simnorm_dim=2)
    fit(flow, lambda generator: pairs_of_odds(generator, 2.0, 0.5))
    z, z_star = pairs_of_odds(torch.Generator().manual_seed(1), 2.0, 0.5)
    assert (predict(flow, z) - z_star).abs().max() < 0.02


def test_where_paths_cross_the_optimal_field_keeps_the_distribution_and_loses_the_pairing():
    """z ~ N(0, 1), z* = −z + σε. By Gaussian conditioning E[z*−z | z_τ] = z_τ · ½ (d/dτ) log s², where the variance of
    z_τ is s² = (1−2τ)² + τ²σ². It integrates to z · s(1)/s(0): as σ → 0 the identity, where the coupling says −z.
    """
    sigma = 0.3

    def field(z, tau):
        return z * (-2 * (1 - 2 * tau) + tau * sigma**2) / ((1 - 2 * tau) ** 2 + tau**2 * sigma**2)

    flow = make(1, "rk4", 64)
    flow.net = Field(1, field)
    z = noise(16, 1)
    torch.testing.assert_close(predict(flow, z), z * (1 + sigma**2) ** 0.5, rtol=1e-4, atol=0)


def negated(generator):
    z = torch.randn(256, 1, generator=generator)
    return z, -z


def slope(flow):
    """Least-squares slope of the prediction over z: −1 is the coupling, 1 the identity."""
    z, _ = negated(torch.Generator().manual_seed(1))
    return ((predict(flow, z) * z).sum() / z.square().sum()).item()


@pytest.mark.slow
def test_a_fitted_field_without_its_source_turns_negation_into_the_identity():
    flow = make(1)
    fit(flow, negated)
    assert slope(flow) > 0.3  # already with the default's two sub-steps of Heun
    flow.integrator, flow.substeps = build("integrator", "rk4"), 32
    assert slope(flow) == pytest.approx(1.0, abs=0.25)


@pytest.mark.slow
def test_a_fitted_field_that_sees_its_source_learns_negation():
    """Root mean square error below 6% of the distance travelled, and no part of the loss remains."""
    flow = make(1, condition_on_source=True)
    loss = fit(flow, negated)
    z, z_star = negated(torch.Generator().manual_seed(1))
    assert loss < 0.06**2 * 4
    assert (predict(flow, z) - z_star).square().mean() < 0.06**2 * 4

"""Losses of a finished rollout against their formulas, and what is added to a loss."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from wmzoo.contracts.common import enliven, noise, simplices
from wmzoo.dynamics.mlp import MLPDynamics
from wmzoo.dynamics.port_hamiltonian import PortHamiltonianDynamics
from wmzoo.errors import WmzooError
from wmzoo.integrators.euler import Euler
from wmzoo.losses.conservation import ConservationLoss, slowest
from wmzoo.losses.cosine import CosineLoss
from wmzoo.losses.cross_entropy import CrossEntropyLoss
from wmzoo.losses.jacobian import JacobianLoss
from wmzoo.losses.mse import MSELoss
from wmzoo.losses.straightening import StraighteningLoss
from wmzoo.losses.terms import SumLoss
from wmzoo.losses.value_equivalent import ValueEquivalentLoss
from wmzoo.nets.simnorm import SimNorm

H, B, D = 3, 5, 16


def stream() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def model(activation: str = "silu") -> MLPDynamics:
    return enliven(MLPDynamics(latent_dim=D, action_dim=2, units=(12,), activation=activation).double())


def data() -> tuple[Tensor, Tensor, Tensor]:
    return simplices(B, D), noise(H, B, 2, seed=1), simplices(H, B, D, seed=2)


def test_cross_entropy_is_the_divergence_of_each_simplex() -> None:
    z0, actions, targets = data()
    zs, loss, _ = CrossEntropyLoss().rollout(model(), z0, actions, targets, 0.9)
    expected = torch.zeros((), dtype=torch.float64)
    for t in range(H):
        groups = [
            (row[g : g + 8], true[g : g + 8]) for row, true in zip(zs[t + 1], targets[t], strict=True) for g in (0, 8)
        ]
        bits = [torch.distributions.kl_divergence(*map(torch.distributions.Categorical, (p, q))) for q, p in groups]
        expected += 0.9**t * torch.stack(bits).sum() / (B * D)
    torch.testing.assert_close(loss, expected)


def test_cosine_is_one_less_the_cosine() -> None:
    z0, actions, targets = data()
    zs, loss, _ = CosineLoss().rollout(model(), z0, actions, targets, 0.9)
    angles = [1 - (zs[t + 1] * targets[t]).sum(-1) / zs[t + 1].norm(dim=-1) / targets[t].norm(dim=-1) for t in range(H)]
    torch.testing.assert_close(loss, sum(0.9**t * angle.mean() for t, angle in enumerate(angles)))


def test_value_equivalence_compares_values_and_needs_critics() -> None:
    z0, actions, targets = data()
    loss = ValueEquivalentLoss()
    with pytest.raises(WmzooError, match="needs critics"):
        loss.rollout(model(), z0, actions, targets, 0.9)
    loss.value = lambda z: torch.stack([z[..., 0], z.square().sum(-1)])
    zs, value, _ = loss.rollout(model(), z0, actions, targets, 0.9)
    first, second = (zs[1:] - targets)[..., 0].square(), (zs[1:].square() - targets.square()).sum(-1).square()
    expected = sum(0.9**t * (first[t].mean() + second[t].mean()) / 2 for t in range(H))
    torch.testing.assert_close(value, expected)


def test_the_jacobian_penalty_is_the_norm_on_average_and_so_is_its_gradient() -> None:
    dynamics, (z0, actions, targets) = model(), data()
    zs = dynamics.unroll(z0, actions).detach()
    loss = JacobianLoss(rows=1.0, generator=stream())
    draws = torch.stack([loss.errors(dynamics, zs, actions, targets).mean((1, 2)) for _ in range(2000)])
    exact = []
    for t in range(H):
        jacobians = [
            torch.autograd.functional.jacobian(lambda z, a=a: dynamics(z, a), z, create_graph=True)
            for z, a in zip(zs[t], actions[t], strict=True)
        ]
        exact.append(torch.stack([jacobian.square().sum() / D for jacobian in jacobians]).mean())
    error = draws.std(0) / math.sqrt(len(draws))
    assert ((draws.mean(0) - torch.stack(exact)).abs() < 4 * error).all()
    weight = dynamics.net[0].weight
    (got,) = torch.autograd.grad(draws.mean(0).sum(), weight)
    (expected,) = torch.autograd.grad(torch.stack(exact).sum(), weight)
    assert (got - expected).norm() < 0.1 * expected.norm()


@pytest.mark.parametrize("residual", ["latent", "logit", "sphere"])
def test_no_change_has_the_jacobian_of_the_way_back_to_the_simplices(residual: str) -> None:
    """I − 11ᵀ/V in latents; of z/Σz, the others' way, δ_ij − z_i."""
    z0, actions, targets = data()
    still = MLPDynamics(latent_dim=D, action_dim=2, units=(12,), residual=residual).double()
    zs = still.unroll(z0, actions).detach()
    draws = [JacobianLoss(1.0, stream().manual_seed(n)).errors(still, zs, actions, targets).mean() for n in range(300)]
    expected = torch.tensor(7 / 8) if residual == "latent" else 3 / 4 + z0.view(B, 2, 8).square().sum(-1).mean()
    assert torch.stack(draws).mean().item() == pytest.approx(expected.item(), rel=0.03)


def test_the_penalty_has_a_gradient_with_every_activation() -> None:
    """Mish's own kernel has no second derivative."""
    dynamics, (z0, actions, targets) = model("mish"), data()
    JacobianLoss(generator=stream()).rollout(dynamics, z0, actions, targets, 0.9).loss.backward()
    assert dynamics.net[0].weight.grad.abs().max() > 0


def test_straightening_is_none_for_a_straight_rollout_and_two_for_one_that_turns_back() -> None:
    line = torch.arange(4.0, dtype=torch.float64).view(4, 1, 1) * simplices(1, D)
    there_and_back = torch.stack([line[0], line[1], line[0], line[1]])
    for zs, bends in ((line, [0.0, 0.0, 0.0]), (there_and_back, [0.0, 2.0, 2.0])):
        errors = StraighteningLoss(floor=1e-4).errors(model(), zs, data()[1], line[1:])
        torch.testing.assert_close(errors[:, 0], torch.tensor(bends, dtype=torch.float64))


def test_short_steps_count_little_for_straightening() -> None:
    """A right angle has 1 − cos = 1, so what is left is the weights; the observed steps have length 2, so f = 0.2."""
    observed = torch.tensor([[2.0, 0.0], [4.0, 0.0]], dtype=torch.float64).unsqueeze(1)
    for first, second in ((1.0, 1.0), (0.2, 0.2), (0.01, 3.0), (0.0, 1.0)):
        zs = torch.tensor([[0.0, 0.0], [first, 0.0], [first, second]], dtype=torch.float64).unsqueeze(1)
        errors = StraighteningLoss().errors(model(), zs, data()[1], observed)
        expected = math.prod(length / math.sqrt(length**2 + 0.04) for length in (first, second))
        torch.testing.assert_close(errors.flatten().tolist(), [0.0, expected])


def test_no_gradient_of_straightening_by_a_step_is_longer_than_two_over_its_floor() -> None:
    scales = 10 ** torch.linspace(-12, 2, 400, dtype=torch.float64)
    steps = (noise(2, 400, 3, seed=1) * torch.stack([scales, scales.flip(0)]).unsqueeze(-1)).requires_grad_()
    zs = torch.cat([torch.zeros_like(steps[:1]), steps.cumsum(0)])
    observed = torch.tensor([3.0, 6.0], dtype=torch.float64).view(2, 1, 1) * torch.eye(3, dtype=torch.float64)[0]
    errors = StraighteningLoss().errors(model(), zs, noise(2, 400, 2), observed.expand(2, 400, 3))
    (gradient,) = torch.autograd.grad(errors.sum(), steps)
    assert 1 < gradient.norm(dim=-1).max() < 2 / 0.3


def test_straightening_leaves_a_dynamics_that_predicts_no_change_alone() -> None:
    """Its steps are rounding, in any direction; the cosine's own gradient is above 1e6 here."""
    fresh = MLPDynamics(latent_dim=128, action_dim=2, units=(256, 256))
    z0, targets = simplices(64, 128, dtype=torch.float32), simplices(H, 64, 128, seed=2, dtype=torch.float32)
    loss = StraighteningLoss().rollout(fresh, z0, noise(H, 64, 2, dtype=torch.float32), targets, 0.9).loss
    loss.backward()
    assert StraighteningLoss().rollout(fresh, z0, noise(1, 64, 2).float(), targets[:1], 0.9).loss == 0
    assert sum(weight.grad.square().sum() for weight in fresh.parameters()).sqrt() < 1e-3


def test_what_is_conserved_is_found_and_what_changes_is_not() -> None:
    """Latents of two numbers that turn, one that never changes in its row, and one of noise."""
    angle = noise(1, 64, seed=4) + torch.arange(6.0, dtype=torch.float64).unsqueeze(1)
    still = noise(1, 64, seed=5).expand(6, 64)
    z = torch.stack([angle.cos(), still, noise(6, 64, seed=6), angle.sin()], -1)
    mix = noise(4, 4, seed=7)
    found = (z @ mix) @ slowest(z @ mix, 1)
    correlation = torch.corrcoef(torch.stack([found.flatten(), still.flatten()]))[0, 1]
    assert abs(correlation) > 1 - 1e-9
    assert (found[1:] - found[:-1]).abs().max() < 1e-6 and found.var() == pytest.approx(1.0, rel=0.02)
    errors = ConservationLoss(count=1).errors(model(), z @ mix, noise(5, 64, 2), (z @ mix)[1:])
    assert errors.max() < 1e-12
    spoilt = ConservationLoss(count=1).errors(
        model(), (z + still.unsqueeze(-1) * noise(6, 1, 4)) @ mix, noise(5, 64, 2), (z @ mix)[1:]
    )
    assert spoilt.mean() > 0.01


def test_what_a_simplex_keeps_by_construction_is_not_what_is_conserved() -> None:
    """SimNorm's sums are 1 whatever is predicted: a rollout to anywhere would cost nothing."""
    generator = torch.Generator().manual_seed(0)
    state = torch.randn(1, 64, 6, generator=generator) + 0.1 * torch.randn(5, 64, 6, generator=generator).cumsum(0)
    drawn = torch.randn(5, 64, 6, generator=generator)
    encoder = torch.nn.Sequential(torch.nn.Linear(6, 64), torch.nn.Tanh(), torch.nn.Linear(64, 128), SimNorm(8))
    for weight in encoder.parameters():
        torch.nn.init.normal_(weight, std=0.4, generator=generator)
    with torch.no_grad():
        z, wrong = encoder(state), encoder(torch.cat([state[:1], drawn[1:]]))
    figures = slowest(z, 4).view(16, 8, 4)
    within = figures - figures.mean(1, keepdim=True)
    assert (within.square().sum((0, 1)) > 0.99 * figures.square().sum((0, 1))).all()
    true, false = (ConservationLoss().errors(model(), zs, noise(4, 64, 2), z[1:]).mean() for zs in (z, wrong))
    assert false > 10 * true and false > 0.1, "in units of the figures' variance"


def test_more_invariants_than_latents_differ_in_are_refused() -> None:
    line = torch.linspace(0, 1, 12, dtype=torch.float64).view(4, 3, 1) * simplices(1, D)
    with pytest.raises(WmzooError, match="count=2, but this batch's latents differ in 1 directions"):
        slowest(line, 2)
    assert slowest(line, 1).shape == (D, 1)


def test_the_energy_of_a_dynamics_that_has_one_is_conserved() -> None:
    z0, actions, targets = data()
    dynamics = enliven(PortHamiltonianDynamics(latent_dim=D, action_dim=2, integrator=Euler(), units=(6,)).double())
    zs, loss, _ = ConservationLoss("energy").rollout(dynamics, z0, actions, targets, 0.9)
    energy = dynamics.energy(zs)
    torch.testing.assert_close(loss, sum(0.9**t * (energy[t + 1] - energy[t]).square().mean() for t in range(H)))
    with pytest.raises(WmzooError, match="needs energy, which MLPDynamics does not have"):
        ConservationLoss("energy").rollout(model(), z0, actions, targets, 0.9)


def test_a_sum_is_the_main_loss_and_weighted_terms_on_its_rollout() -> None:
    dynamics, (z0, actions, targets) = model(), data()
    main = MSELoss().rollout(dynamics, z0, actions, targets, 0.9)
    cosine = CosineLoss().rollout(dynamics, z0, actions, targets, 0.9).loss
    bend = StraighteningLoss().rollout(dynamics, z0, actions, targets, 0.9).loss
    terms = [("cosine", 0.5, CosineLoss()), ("straightening", 0.1, StraighteningLoss())]
    zs, loss, figures = SumLoss(MSELoss(), terms).rollout(dynamics, z0, actions, targets, 0.9)
    assert torch.equal(zs, main.zs)
    torch.testing.assert_close(loss, main.loss + 0.5 * cosine + 0.1 * bend)
    torch.testing.assert_close(figures["loss/cosine"], cosine.detach())
    torch.testing.assert_close(figures["loss/main"], main.loss.detach())

"""Every member learns from its own error."""

import pytest
import torch

from wmzoo.contracts.common import enliven, noise, simplices
from wmzoo.dynamics.ensemble import EnsembleDynamics
from wmzoo.dynamics.mlp import MLPDynamics
from wmzoo.losses.ensemble import EnsembleLoss

H, B, M = 3, 5, 4


def parts():
    model = enliven(EnsembleDynamics(latent_dim=16, action_dim=2, units=(12,), members=M).double())
    return model, simplices(B, 16), noise(H, B, 2, seed=1), simplices(H, B, 16, seed=2)


def test_the_loss_is_the_mean_error_of_the_members_along_their_means_rollout():
    model, z0, actions, targets = parts()
    zs, loss, figures = EnsembleLoss().rollout(model, z0, actions, targets, 0.9)
    expected, variance, z = 0.0, 0.0, z0
    for t in range(H):
        members = model.members(z, actions[t])
        expected += 0.9**t * sum((member - targets[t]).square().mean() for member in members) / M
        variance += sum((member - members.mean(0)).square().mean() for member in members) / M / H
        z = members.mean(0)
        torch.testing.assert_close(zs[t + 1], z)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(figures["disagreement"], variance.sqrt())


def test_each_member_gets_the_gradient_of_its_own_error():
    """Of one step, which no other member's prediction enters: a loss of their mean would couple them."""
    model, z0, actions, targets = parts()
    EnsembleLoss().rollout(model, z0, actions[:1], targets[:1], 0.9).loss.backward()
    weight = model.net[-1].weight
    got = weight.grad.clone()
    for member in range(M):
        error = (model.members(z0, actions[0])[member] - targets[0]).square().mean() / M
        (expected,) = torch.autograd.grad(error, weight)
        torch.testing.assert_close(got[member], expected[member])


def test_others_are_refused_by_name():
    model = MLPDynamics(latent_dim=16, action_dim=2, units=(8,)).double()
    with pytest.raises(TypeError, match="the ensemble loss needs members, which MLPDynamics does not have"):
        EnsembleLoss().rollout(model, *parts()[1:], 0.9)

"""The squared error of a rollout against sums written out."""

import numpy as np
import pytest
import torch

from wmzoo.contracts.common import enliven, noise, simplices
from wmzoo.dynamics.mlp import MLPDynamics
from wmzoo.losses.mse import MSELoss

D, A, H, B = 8, 2, 3, 5


def make():
    return enliven(MLPDynamics(latent_dim=D, action_dim=A, task_dim=2, units=[6], simnorm_dim=4).double())


def test_the_loss_is_the_discounted_sum_of_mean_squares():
    dynamics, z0, actions, targets = make(), simplices(B, D), noise(H, B, A), simplices(H, B, D, seed=2)
    task = noise(B, 2, seed=3)
    zs, loss, metrics = MSELoss().rollout(dynamics, z0, actions, targets, 0.9, task)
    z, expected = z0, 0.0
    for t in range(H):
        z = dynamics(z, actions[t], task).detach()
        np.testing.assert_allclose(zs[t + 1].detach(), z, rtol=1e-12)
        errors = [(z[b, d] - targets[t, b, d]).item() ** 2 for b in range(B) for d in range(D)]
        expected += 0.9**t * sum(errors) / (B * D)
    np.testing.assert_allclose(loss.item(), expected, rtol=1e-12)
    assert metrics == {}


def test_the_gradient_of_a_late_error_runs_through_the_whole_rollout():
    """Only the last step is wrong; the first latent and action still hear of it."""
    dynamics = make()
    z0, actions = simplices(B, D).requires_grad_(), noise(H, B, A).requires_grad_()
    with torch.no_grad():
        zs = MSELoss().rollout(dynamics, z0, actions, simplices(H, B, D), 1.0, noise(B, 2)).zs
    targets = torch.cat([zs[1:-1], simplices(1, B, D, seed=5)])
    MSELoss().rollout(dynamics, z0, actions, targets, 1.0, noise(B, 2)).loss.backward()
    assert (z0.grad.abs().sum(-1) > 0).all() and (actions.grad[0].abs().sum(-1) > 0).all()


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_single_steps_start_from_encoded_observations(share):
    """w_r of the rollout, w_s of F(e_t, a_t) with e_0 = z_0 and e_t the target before; a half is every second row."""
    dynamics, z0, actions, targets = make(), simplices(B, D), noise(H, B, A), simplices(H, B, D, seed=2)
    task, rows = noise(B, 2, seed=3), [0, 2, 4] if share == 0.5 else [*range(B)]
    plain = MSELoss().rollout(dynamics, z0, actions, targets, 0.9, task).loss.item()
    single = 0.0
    for t, encoded in enumerate([z0, *targets[:-1]]):
        reached = dynamics(encoded, actions[t], task)[rows].detach()
        single += 0.9**t * (reached - targets[t][rows]).square().mean().item()
    loss = MSELoss(rollout_weight=0.6, single_step_weight=0.3, rows=share)
    found = loss.rollout(dynamics, z0, actions, targets, 0.9, task).loss.item()
    np.testing.assert_allclose(found, 0.6 * plain + 0.3 * single, rtol=1e-12)


@pytest.mark.parametrize("wrong", [{"rows": 0.0}, {"rollout_weight": 0.0}, {"single_step_weight": -1.0}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=r"loss\.(rows|rollout_weight)"):
        MSELoss(**wrong)

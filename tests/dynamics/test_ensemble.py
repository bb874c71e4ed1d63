"""Members, their mean, and the one that is drawn."""

import torch

from wmzoo.contracts.common import enliven, noise, simplices
from wmzoo.dynamics.ensemble import EnsembleDynamics


def live(**settings):
    return enliven(EnsembleDynamics(latent_dim=16, action_dim=2, units=(12,), members=4, **settings).double())


def test_the_mean_is_of_what_the_members_predict_and_asks_for_no_noise():
    model, z, a = live(), simplices(5, 16), noise(5, 2, seed=1)
    members = model.members(z, a)
    assert members.shape == (4, 5, 16) and model.noise_dim == 0
    torch.testing.assert_close(model(z, a), (members[0] + members[1] + members[2] + members[3]) / 4)
    torch.testing.assert_close(members.unflatten(-1, (2, 8)).sum(-1), torch.ones(4, 5, 2, dtype=torch.float64))


def test_a_drawn_member_is_one_of_them_as_often_as_any_other():
    model, rows = live(imagine="member"), 4000
    z, a = simplices(1, 16).expand(rows, 16), noise(1, 2, seed=1).expand(rows, 2)
    samples, members = model.rollout_step(z, a, noise=noise(rows, 1)), model.members(z[:1], a[:1])
    drawn = (samples - members).abs().amax(-1).argmin(0)
    torch.testing.assert_close(samples, members[:, 0][drawn])
    counts = torch.bincount(drawn, minlength=4)
    assert (counts - rows / 4).square().sum() / (rows / 4) < 16.3  # χ² of 3 degrees of freedom, one in a thousand


def test_the_farthest_noise_draws_the_first_and_the_last_member():
    model, z, a = live(imagine="member"), simplices(2, 16), noise(2, 2, seed=1)
    ends = torch.tensor([[-40.0], [40.0]], dtype=torch.float64)
    members = model.members(z, a)
    torch.testing.assert_close(model.sample(z, a, ends), torch.stack([members[0, 0], members[-1, 1]]))

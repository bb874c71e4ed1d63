"""What is predicted comes from the start and the actions, in their order, and from nothing else."""

import pytest
import torch

from wmzoo.contracts.common import enliven, noise, simplices
from wmzoo.dynamics.actions import ActionsDynamics

H, B = 4, 3


def live(**settings):
    model = ActionsDynamics(latent_dim=16, action_dim=2, units=(12, 10), width=8, heads=2, **settings)
    return enliven(model.double())


def test_a_latent_depends_on_all_actions_before_it_and_none_after():
    model, z, actions = live(), simplices(B, 16), noise(H, B, 2, seed=1)
    zs = model.unroll(z, actions)
    for step in range(H):
        changed = actions.clone()
        changed[step] += 1
        apart = (model.unroll(z, changed) - zs).abs().amax((1, 2))
        assert (apart[: step + 1] == 0).all() and (apart[step + 1 :] > 1e-6).all()


def test_the_order_of_actions_matters():
    model, z, actions = live(), simplices(B, 16), noise(H, B, 2, seed=1)
    other = actions[[1, 0, 2, 3]]
    assert not torch.allclose(model.unroll(z, actions)[-1], model.unroll(z, other)[-1])


def test_what_a_rollout_remembers_has_no_latent_but_the_first():
    model, z, actions = live(), simplices(B, 16), noise(H, B, 2, seed=1)
    state = model.begin(z)
    for action in actions:
        _, state = model.advance(state, action)
    assert state.z is z
    torch.testing.assert_close(state.actions, actions.movedim(0, 1))


def test_a_width_that_sine_and_cosine_cannot_share_is_refused():
    with pytest.raises(ValueError, match="even"):
        ActionsDynamics(latent_dim=16, action_dim=2, width=9, heads=3)

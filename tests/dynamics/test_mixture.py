"""A mixture asks the experts of which its gate thinks most."""

import torch

from wmzoo.contracts.common import enliven, noise, simplices
from wmzoo.dynamics.mixture import MixtureDynamics


def live(top):
    torch.manual_seed(0)
    return enliven(MixtureDynamics(latent_dim=16, action_dim=2, units=(12,), experts=5, top=top).double(), 1.0)


def test_the_shares_are_the_softmax_of_the_largest_logits():
    model, x = live(2), noise(50, 18)
    shares, logits = model.shares(x), model.gate(x)
    for row in range(50):
        best = sorted(range(5), key=lambda expert: -logits[row, expert])[:2]
        expected = torch.zeros(5, dtype=torch.float64)
        expected[best] = logits[row, best].softmax(0)
        torch.testing.assert_close(shares[row], expected)
    torch.testing.assert_close(live(5).shares(x), live(5).gate(x).softmax(-1))


def test_an_expert_that_is_not_asked_has_no_say():
    model, z, a = live(2), simplices(1, 16), noise(1, 2, seed=1)
    before, shares = model(z, a), model.shares(torch.cat([z, a], -1))[0]
    for expert in range(5):
        changed = live(2)
        with torch.no_grad():
            changed.experts[-1].bias[expert].add_(noise(16, seed=2))
        assert torch.allclose(changed(z, a), before) == (shares[expert] == 0).item()

"""The contract of losses says no to broken ones, in words that name what is wrong."""

import pytest
import torch

from wmzoo.contracts import loss
from wmzoo.losses.base import LatentRollout, discounted_sum
from wmzoo.losses.mse import MSELoss


class Wrong(MSELoss):
    """The squared error with one thing spoilt."""

    def __init__(self, wrong):
        self.wrong = wrong

    def rollout(self, dynamics, z0, actions, targets, discount, task_emb=None, weights=None):
        zs = dynamics.unroll(z0, actions, task_emb)
        predicted = zs[1:].detach() if self.wrong == "detached" else zs[1:]
        errors = (predicted - targets).square()
        if self.wrong == "noise":
            errors = errors * torch.rand(())
        value = discounted_sum(errors, 1.0 if self.wrong == "undiscounted" else discount, weights)
        if self.wrong == "weights":
            value = discounted_sum(errors, discount, None if weights is None else weights.roll(1))
        if self.wrong == "offset":
            value = value + 0.1
        if self.wrong == "short":
            return LatentRollout(zs[1:], value, {})
        return LatentRollout(zs, value, {})


@pytest.mark.parametrize(
    ("wrong", "check", "words"),
    [
        ("short", loss.check_rollout, r"zs has shape .* not \[H\+1,B,D\]"),
        ("undiscounted", loss.check_discount, "ℓ_t"),
        ("offset", loss.check_perfection, "the loss of a perfect model is 0.*, not 0"),
        ("detached", loss.check_gradient_reaches_the_dynamics, "no gradient"),
        ("weights", loss.check_weights, "the gradient with row 0 at a quarter"),
        ("noise", loss.check_determinism, "two losses differ"),
    ],
)
def test_a_broken_loss_is_found_out(wrong, check, words):
    with pytest.raises(AssertionError, match=words):
        check(lambda generator: Wrong(wrong))

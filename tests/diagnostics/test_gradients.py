"""Policy gradients against the mean over one big batch, and those that are not finite."""

from __future__ import annotations

import pytest
import torch
from tiny import tiny_agent, tiny_pwm

from wmzoo.diagnostics.gradients import policy_gradients, summary


@pytest.mark.slow
def test_policy_gradients_are_independent_estimates_of_the_gradient_that_the_update_ascends() -> None:
    """Their mean is the gradient of the mean over one big batch; their scatter falls with the batch."""
    states = torch.randn(50, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    norms, means = [], []
    for batch in (4, 64):
        pwm = tiny_pwm(tiny_agent())
        draws = torch.Generator().manual_seed(2)
        gradients, dropped = policy_gradients(pwm, states, 3, 200, batch, draws)
        found = summary(gradients, dropped)
        assert dropped == 0 and gradients.shape == (200, sum(p.numel() for p in pwm.actor.parameters()))
        norms.append(found["gradient_variance"])
        means.append(gradients.mean(0))
    assert norms[0] / norms[1] == pytest.approx(16, rel=0.25)
    assert torch.cosine_similarity(means[0], means[1], 0) > 0.9


def test_gradients_that_are_not_finite_are_dropped_and_counted() -> None:
    pwm = tiny_pwm(tiny_agent())
    calls = iter(range(100))
    pwm.model.dynamics.register_forward_hook(lambda _m, _i, out: out * (float("nan") if next(calls) % 4 == 3 else 1))
    gradients, dropped = policy_gradients(pwm, torch.randn(9, 3).double(), 2, 10, 4, torch.Generator())
    assert (len(gradients), dropped) == (5, 5) and gradients.isfinite().all()

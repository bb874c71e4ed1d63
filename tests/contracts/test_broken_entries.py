"""The contract checks say no to broken entries, in words that name what is wrong."""

import pytest
import torch
from torch import nn

from wmzoo.contracts import dynamics, integrator, loss, trainer
from wmzoo.dynamics import Dynamics
from wmzoo.integrators import ExplicitRungeKutta
from wmzoo.losses.base import LatentRollout, discounted_sum, unroll
from wmzoo.losses.mse import MSELoss
from wmzoo.registry import register


class Tableau(ExplicitRungeKutta):
    def __init__(self, **wrong):
        super().__init__(**{"a": ((), (1.0,)), "b": (0.5, 0.5), "c": (0.0, 1.0), "order": 2, **wrong})


class ScalarTime(Tableau):
    def integrate(self, field, z, steps):
        return super().integrate(lambda y, tau: field(y, tau[0, 0]), z, steps)


class Miscounting(Tableau):
    def nfe(self, steps):
        return steps


class Detached(Tableau):
    def integrate(self, field, z, steps):
        return z + (super().integrate(field, z, steps) - z).detach()


@pytest.mark.parametrize(
    ("make", "check", "words"),
    [
        (lambda: Tableau(order=3), integrator.check_order, "order is 3, but .* measured order is (1.9|2.0)"),
        (lambda: Tableau(c=(0.0, 0.0)), integrator.check_order, "order is 2, but .* measured order is (0.9|1.0)"),
        (lambda: Tableau(c=(0.0, 2.0)), integrator.check_times, "outside"),
        (lambda: Tableau(b=(0.5, 0.4)), integrator.check_constant_field, "constant field"),
        (Miscounting, integrator.check_nfe, r"nfe\(1\) promises 1 .* there were 2"),
        (ScalarTime, integrator.check_times, r"τ has shape \(\), not \[B,1\]"),
        (Detached, integrator.check_gradient, "gradient through integrate"),
    ],
)
def test_a_broken_integrator_is_found_out(make, check, words):
    with pytest.raises(AssertionError, match=words):
        check(make)


class Linear(Dynamics):
    """SimNorm of a linear map; `wrong` spoils one thing."""

    def __init__(self, task_dim, wrong):
        super().__init__()
        self.wrong, self.task_dim = wrong, task_dim
        self.net = nn.Linear(16 + 2 + task_dim, 16)
        self.register_buffer("calls", torch.zeros((), dtype=torch.float64))

    def forward(self, z, a, task_emb=None):
        if self.wrong == "action":
            a = torch.zeros_like(a)
        out = self.net(torch.cat([z, a] if task_emb is None else [z, a, task_emb], -1))
        if self.wrong == "batch":
            out = out - out.mean(0)
        if self.wrong == "dtype":
            out = out.float()
        if self.wrong == "noise":
            out = out + 0.1 * torch.randn_like(out)
        if self.wrong == "simplex":
            return out
        if self.wrong == "gradient":
            out = out.detach() + 0 * out
        if self.wrong == "python":
            out = out * (2 if out.sum().item() > 0 else 1)
        return out.unflatten(-1, (-1, 8)).softmax(-1).flatten(-2)


@pytest.mark.parametrize(
    ("wrong", "check", "words"),
    [
        ("dtype", dynamics.check_shapes_and_dtypes, "from torch.float64 the next latent is torch.float32"),
        ("simplex", dynamics.check_simplex, "below 0|the sum over each simplex"),
        ("batch", dynamics.check_rows_are_independent, "rows predicted together and alone"),
        ("noise", dynamics.check_determinism, "two calls with one input differ"),
        ("action", dynamics.check_inputs_matter, "another a gives the same"),
        ("gradient", dynamics.check_gradient, "the gradient of z_next"),
        ("python", dynamics.check_compile, "torch.compile"),
    ],
)
def test_a_broken_dynamics_is_found_out(wrong, check, words):
    def make(task_dim):
        torch.manual_seed(0)
        return Linear(task_dim, wrong)

    with torch.random.fork_rng(devices=[]), pytest.raises(AssertionError, match=words):
        check(make)


class Wrong(MSELoss):
    """The squared error with one thing spoilt."""

    def __init__(self, wrong):
        self.wrong = wrong

    def rollout(self, dynamics, z0, actions, targets, discount, task_emb=None):
        zs = unroll(dynamics, z0, actions, task_emb)
        predicted = zs[1:].detach() if self.wrong == "detached" else zs[1:]
        errors = (predicted - targets).square()
        if self.wrong == "noise":
            errors = errors * torch.rand(())
        value = discounted_sum(errors, 1.0 if self.wrong == "undiscounted" else discount)
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
        ("noise", loss.check_determinism, "two losses differ"),
    ],
)
def test_a_broken_loss_is_found_out(wrong, check, words):
    with pytest.raises(AssertionError, match=words):
        check(lambda generator: Wrong(wrong))


def test_an_entry_registered_by_decorator_is_checked_like_a_built_in(own_registry):
    @register("dynamics", "shifted_for_a_test", checked_with=[{"scale": 0.5}])
    class Shifted(Linear):
        def __init__(self, *, latent_dim, action_dim, task_dim=0, scale=1.0):
            super().__init__(task_dim, None)
            self.net.weight.data *= scale

    factories = dynamics.factories("shifted_for_a_test")
    assert list(factories) == ["shifted_for_a_test", "shifted_for_a_test scale=0.5"]
    for make in factories.values():
        for check in dynamics.CHECKS:
            check(make)


class Muffled:
    """A recorder of which a trainer hears only a part."""

    def __init__(self, notes, deaf=False, forgetful=False):
        self.notes, self.preparing, self.log, self.evaluated = notes, notes.preparing, notes.log, notes.evaluated
        self.stop_requested = (lambda: False) if deaf else notes.stop_requested
        self.checkpoint = (lambda *_: None) if forgetful else notes.checkpoint


@pytest.mark.parametrize(
    ("fault", "words"),
    [({"deaf": True}, "asked to stop .* logged 2 rows"), ({"forgetful": True}, "called `checkpoint` 0 times")],
)
def test_a_trainer_that_does_not_stop_or_save_when_asked_is_found_out(fault, words):
    real = trainer.factories("online")["online"]
    with pytest.raises(AssertionError, match=words):
        trainer.check_resume(lambda recorder: real(lambda agent: Muffled(recorder(agent), **fault)))

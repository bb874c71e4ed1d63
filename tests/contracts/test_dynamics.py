"""The contract of dynamics says no to broken ones, in words that name what is wrong."""

import pytest
import torch
from torch import nn

from wmzoo.contracts import dynamics
from wmzoo.dynamics import Dynamics
from wmzoo.registry import register


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

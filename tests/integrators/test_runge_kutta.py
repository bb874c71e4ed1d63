"""The methods against torchdiffeq's fixed-grid ones, to rounding."""

from itertools import pairwise

import pytest
import torch
import torchdiffeq
from torchdiffeq._impl.rk_common import rk4_step_func

from wmzoo.registry import build

Z = torch.linspace(-1.0, 1.0, 6, dtype=torch.float64).reshape(2, 3)
COUPLING = torch.tensor([[0.2, -1.0, 0.5], [0.7, 0.1, -0.3], [-0.4, 0.9, 0.3]], dtype=torch.float64)


def field(z, tau):
    """Non-linear and dependent on time."""
    return torch.tanh(z @ COUPLING + tau) - z * tau.square()


@pytest.mark.parametrize(("name", "theirs"), [("euler", "euler"), ("midpoint", "midpoint"), ("heun", "heun2")])
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_a_method_agrees_with_torchdiffeqs(name, theirs, steps):
    grid = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    expected = torchdiffeq.odeint(lambda tau, z: field(z, tau), Z, grid, method=theirs)[-1]
    torch.testing.assert_close(build("integrator", name).integrate(field, Z, steps), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_rk4_is_the_classical_method_and_not_torchdiffeqs_default_of_three_eighths(steps):
    grid = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    expected = Z
    for start, end in pairwise(grid):
        expected = expected + rk4_step_func(lambda tau, z, **_: field(z, tau), start, end - start, end, expected)
    ours = build("integrator", "rk4").integrate(field, Z, steps)
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-12)
    three_eighths = torchdiffeq.odeint(lambda tau, z: field(z, tau), Z, grid, method="rk4")[-1]
    assert not torch.allclose(ours, three_eighths, atol=1e-9)


def test_ssprk3_is_made_of_euler_steps():
    """Shu and Osher's own form: convex combinations of them."""
    h = 0.5

    def euler(z, tau):
        return z + h * field(z, torch.full((2, 1), tau, dtype=torch.float64))

    expected = Z
    for start in (0.0, 0.5):
        first = euler(expected, start)
        second = 3 / 4 * expected + 1 / 4 * euler(first, start + h)
        expected = 1 / 3 * expected + 2 / 3 * euler(second, start + h / 2)
    torch.testing.assert_close(build("integrator", "ssprk3").integrate(field, Z, 2), expected, rtol=0, atol=1e-12)


def test_ralstons_slope_is_a_quarter_of_the_first_and_three_of_the_second():
    h, tau = 1.0, torch.zeros(2, 1, dtype=torch.float64)
    first = field(Z, tau)
    second = field(Z + 2 / 3 * h * first, tau + 2 / 3 * h)
    torch.testing.assert_close(build("integrator", "ralston").integrate(field, Z, 1), Z + first / 4 + 3 * second / 4)

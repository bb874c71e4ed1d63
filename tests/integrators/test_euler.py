"""Where a method evaluates the field, on the straight paths of a rectified flow.

The map z* = a z + b joins each z to its image by z_τ = (1 + (a−1) τ) z + b τ. Along it the velocity (a−1) z + b is
constant, and as a field it is v(z_τ, τ) = (a−1)(z_τ − b τ) / (1 + (a−1) τ) + b.
"""

import pytest
import torch

from wmzoo.registry import build, list_entries

A, B = 3.0, -0.5
Z = torch.tensor([[-2.0], [0.1], [1.5]], dtype=torch.float64)


def straight(z, tau):
    return (A - 1) * (z - B * tau) / (1 + (A - 1) * tau) + B


@pytest.mark.parametrize("name", list_entries("integrator"))
@pytest.mark.parametrize("steps", [1, 2, 4])
def test_a_method_that_stays_on_the_path_is_exact_on_straight_paths(name, steps):
    end = build("integrator", name).integrate(straight, Z, steps)
    torch.testing.assert_close(end, A * Z + B, rtol=0, atol=1e-13)


def test_euler_at_mid_point_times_evaluates_off_the_path_and_misses():
    """One step from z by hand: z + v(z, ½) = z + (a−1)(z − b/2) / (1 + (a−1)/2) + b."""
    end = build("integrator", "euler", time="midpoint").integrate(straight, Z, 1)
    torch.testing.assert_close(end, Z + 2 * (Z + 0.25) / 2 - 0.5, rtol=0, atol=1e-13)
    assert ((end - (A * Z + B)).abs() > 0.1).all()


def test_its_bias_shrinks_only_with_the_first_power_of_the_sub_step():
    euler = build("integrator", "euler", time="midpoint")
    errors = [(euler.integrate(straight, Z, steps) - (A * Z + B)).abs().max() for steps in (32, 64)]
    assert 1.8 < errors[0] / errors[1] < 2.2


def test_its_order_is_two_where_the_field_depends_on_time_alone():
    """There it is the mid-point rule of quadrature: ∫ cos τ = sin 1."""
    euler = build("integrator", "euler", time="midpoint")
    exact = torch.sin(torch.tensor(1.0, dtype=torch.float64))
    field_of_time = lambda z, tau: tau.cos().expand_as(z)  # noqa: E731
    errors = [(euler.integrate(field_of_time, 0 * Z, steps) - exact).abs().max() for steps in (8, 16)]
    assert 3.8 < errors[0] / errors[1] < 4.2


def test_an_unknown_time_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="start, midpoint"):
        build("integrator", "euler", time="end")

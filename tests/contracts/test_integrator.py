"""The contract of integrators says no to broken ones, in words that name what is wrong."""

import pytest

from wmzoo.contracts import integrator
from wmzoo.integrators import ExplicitRungeKutta, Integrator
from wmzoo.integrators.dopri5 import Dopri5


class Tableau(ExplicitRungeKutta):
    def __init__(self, **wrong):
        super().__init__(**{"a": ((), (1.0,)), "b": (0.5, 0.5), "c": (0.0, 1.0), "order": 2, **wrong})


class ScalarTime(Tableau):
    def integrate(self, field, z, steps):
        return super().integrate(lambda y, tau: field(y, tau[0, 0]), z, steps)


class Miscounting(Tableau):
    def nfe(self, steps):
        return steps


class AlwaysTheMost(Dopri5):
    def evaluations(self, field, z, steps):
        return Integrator.evaluations(self, field, z, steps)


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
        (AlwaysTheMost, integrator.check_nfe, r"evaluations\(…, 1\) of four rows are \[49, 49, 49, 49\], but counted"),
        (ScalarTime, integrator.check_times, r"τ has shape \(\), not \[B,1\]"),
        (Detached, integrator.check_gradient, "gradient through integrate"),
    ],
)
def test_a_broken_integrator_is_found_out(make, check, words):
    with pytest.raises(AssertionError, match=words):
        check(make)

"""The contract of latent dynamics, over every entry of the kind."""

import pytest

from wmzoo.contracts import dynamics as contract
from wmzoo.dynamics import VelocityDynamics
from wmzoo.registry import get, list_entries

NAMES = list_entries("dynamics")
CASES = {case.id: case for name in NAMES for case in contract.suite(name)}


ONCE = [f"{name}: compile" for name in NAMES]  # of variants, whose code differs little, it takes long


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=pytest.mark.slow if "compile" in case and case not in ONCE else ()) for case in CASES],
)
def test_a_dynamics_keeps_the_contract(case):
    CASES[case].run()


@pytest.mark.slow
def test_compiled_by_inductor_the_flow_predicts_the_same():
    """Its code, which takes a minute to make, has the mlp's operations and more."""
    contract.check_compile(contract.factories("flow")["flow"], backend="inductor")


@pytest.mark.parametrize("name", NAMES)
def test_the_card_says_whether_it_has_a_velocity(name):
    has_velocity = isinstance(contract.factories(name)[name](0), VelocityDynamics)
    assert has_velocity == ("velocity" in get("dynamics", name).provides)

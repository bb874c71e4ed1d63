"""The contract of latent dynamics, over every entry of the kind."""

import pytest

from wmzoo.contracts import dynamics as contract
from wmzoo.dynamics import VelocityDynamics
from wmzoo.registry import get, list_entries

NAMES = list_entries("dynamics")
FACTORIES = {id_: make for name in NAMES for id_, make in contract.factories(name).items()}


@pytest.mark.parametrize("entry", FACTORIES)
@pytest.mark.parametrize("check", contract.CHECKS, ids=lambda check: check.__name__)
def test_a_dynamics_keeps_the_contract(check, entry):
    if check is contract.check_simplex and contract.leaves_simplex(entry):
        pytest.skip("retract=none leaves predictions where they are")
    check(FACTORIES[entry])


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_compiled_by_inductor_it_predicts_the_same(name):
    contract.check_compile(contract.factories(name)[name], backend="inductor")


@pytest.mark.parametrize("name", NAMES)
def test_the_card_says_whether_it_has_a_velocity(name):
    has_velocity = isinstance(contract.factories(name)[name](0), VelocityDynamics)
    assert has_velocity == ("velocity" in get("dynamics", name).provides)

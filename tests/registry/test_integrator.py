"""The contract of integrators, over every entry of the kind."""

import pytest

from wmzoo.contracts import integrator as contract
from wmzoo.registry import get, list_entries

NAMES = list_entries("integrator")
FACTORIES = {id_: make for name in NAMES for id_, make in contract.factories(name).items()}


@pytest.mark.parametrize("entry", FACTORIES)
@pytest.mark.parametrize("check", contract.CHECKS, ids=lambda check: check.__name__)
def test_an_integrator_keeps_the_contract(check, entry):
    check(FACTORIES[entry])


@pytest.mark.parametrize("name", NAMES)
def test_order_and_evaluations_are_those_of_the_card(name):
    contract.check_card(contract.factories(name)[name], get("integrator", name).facts)

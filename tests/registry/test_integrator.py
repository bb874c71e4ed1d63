"""The contract of integrators, over every entry of the kind."""

import pytest
from contract_cases import by_id

from wmzoo.contracts import integrator as contract
from wmzoo.registry import list_entries

CASES = {case.id: case for name in list_entries("integrator") for case in contract.suite(name)}


@pytest.mark.parametrize("case", by_id(CASES, usual=["euler", "heun", "rk4", "dopri5"]))
def test_an_integrator_keeps_the_contract(case):
    CASES[case].run()

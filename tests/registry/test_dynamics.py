"""The contract of latent dynamics, over every entry of the kind."""

import pytest
from contract_cases import by_id

from wmzoo.contracts import dynamics as contract
from wmzoo.dynamics import VelocityDynamics
from wmzoo.registry import get, list_entries

NAMES = list_entries("dynamics")
CASES = {case.id: case for name in NAMES for case in contract.suite(name)}


@pytest.mark.parametrize(
    "case", by_id(CASES, slow=["compile"], usual=["mlp", "flow", "noise_flow"], exhaustive=["compile"])
)
def test_a_dynamics_keeps_the_contract(case):
    CASES[case].run()


@pytest.mark.slow
def test_compiled_by_inductor_the_flow_predicts_the_same():
    """One step: its code, which takes half a minute to make, has the mlp's operations and more."""
    one_step = ("dynamics=flow", "integrator=euler", "dynamics.train_integrator=null")
    one_step += ("dynamics.substeps=1", "dynamics.train_substeps=null")
    contract.check_compile(contract._factory(one_step), backend="inductor")


@pytest.mark.parametrize("name", NAMES)
def test_the_card_says_whether_it_has_a_velocity(name):
    has_velocity = isinstance(contract.factories(name)[name](0), VelocityDynamics)
    assert has_velocity == ("velocity" in get("dynamics", name).provides)

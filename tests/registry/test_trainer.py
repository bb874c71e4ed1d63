"""The contract of trainers, over every entry of the kind, with both families of dynamics."""

import pytest
from contract_cases import by_id

from wmzoo.contracts import trainer as contract
from wmzoo.registry import list_entries

pytestmark = pytest.mark.usefixtures("short_trainings")
CASES = {case.id: case for name in list_entries("trainer") for case in contract.suite(name)}


@pytest.mark.parametrize("case", by_id(CASES, slow=["repeats", "resume"]))
def test_a_trainer_keeps_the_contract(case):
    CASES[case].run()


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings", [("dynamics=mlp",), ("experiment=paper",), ("dynamics=flow", "loss=mse")], ids=" ".join
)
def test_the_online_trainer_goes_on_exactly_with(settings):
    contract.check_resume(contract.factories("online", settings)["online"])

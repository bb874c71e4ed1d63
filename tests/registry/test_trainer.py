"""The contract of trainers, over every entry of the kind, with both families of dynamics."""

import pytest

from wmzoo.contracts import trainer as contract
from wmzoo.registry import list_entries

pytestmark = pytest.mark.usefixtures("short_trainings")
CASES = {case.id: case for name in list_entries("trainer") for case in contract.suite(name)}


@pytest.mark.parametrize("case", CASES)
def test_a_trainer_keeps_the_contract(case):
    CASES[case].run()


@pytest.mark.parametrize(
    "settings",
    [("dynamics=mlp",), ("experiment=paper",), pytest.param(("dynamics=flow", "loss=mse"), marks=pytest.mark.slow)],
    ids=" ".join,
)
def test_the_online_trainer_goes_on_exactly_with(settings):
    contract.check_resume(contract.factories("online", settings)["online"])

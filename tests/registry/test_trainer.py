"""The contract of trainers, over every entry of the kind, with both families of dynamics."""

import pytest

from wmzoo.contracts import trainer as contract
from wmzoo.registry import list_entries

CASES = {case.id: case for name in list_entries("trainer") for case in contract.suite(name)}


@pytest.mark.parametrize("case", CASES)
def test_a_trainer_keeps_the_contract(case):
    CASES[case].run()


@pytest.mark.parametrize(
    "settings", [("dynamics=mlp",), ("experiment=paper",), ("dynamics=flow", "loss=mse")], ids=" ".join
)
def test_the_online_trainer_goes_on_exactly_with(settings):
    contract.check_resume(contract.factories("online", settings)["online"])


def test_building_with_a_field_trained_at_one_time_and_integrated_at_others_says_so(caplog):
    contract.factories("online", ("dynamics=flow", "loss.tau=midpoint"))["online"](contract.Notes().of)
    (line,) = caplog.messages
    assert "τ = 0.5 only" in line and "loss.tau=uniform" in line

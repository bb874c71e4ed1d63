"""The contract of trainers, over every entry of the kind, with both families of dynamics."""

import pytest

from wmzoo.contracts import trainer as contract
from wmzoo.registry import list_entries

NAMES = list_entries("trainer")
FACTORIES = {id_: make for name in NAMES for id_, make in contract.factories(name).items()}


@pytest.mark.parametrize("entry", FACTORIES)
@pytest.mark.parametrize("check", contract.CHECKS, ids=lambda check: check.__name__)
def test_a_trainer_keeps_the_contract(check, entry):
    check(FACTORIES[entry])


@pytest.mark.parametrize(
    "settings", [("dynamics=mlp",), ("experiment=paper",), ("dynamics=flow", "loss=mse")], ids=" ".join
)
def test_the_online_trainer_goes_on_exactly_with(settings):
    contract.check_resume(contract.factories("online", settings)["online"])


def test_building_with_a_field_trained_at_one_time_and_integrated_at_others_says_so(caplog):
    contract.factories("online", ("dynamics=flow", "loss.tau=midpoint"))["online"](contract.Notes().of)
    (line,) = caplog.messages
    assert "τ = 0.5 only" in line and "loss.tau=uniform" in line

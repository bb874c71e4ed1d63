"""The contract of dynamics losses, over every entry of the kind, and every legal pair with a dynamics."""

import pytest
from contract_cases import by_id

from wmzoo.contracts import loss as contract
from wmzoo.registry import list_entries

CASES = {case.id: case for name in list_entries("loss") for case in contract.suite(name)}
OTHERS = [f"with {name}" for name in list_entries("dynamics") if name not in ("mlp", "flow", "actions")]


@pytest.mark.parametrize("case", by_id(CASES, slow=OTHERS, usual=["mse", "rectified_flow", "noise_flow"]))
def test_a_loss_keeps_the_contract(case):
    CASES[case].run()


def test_flow_may_be_trained_as_a_neural_ode_by_mse():
    assert "mse: with flow" in CASES and "rectified_flow: with mlp" not in CASES

"""The contract of dynamics losses, over every entry of the kind, and every legal pair with a dynamics."""

import pytest
import torch
from contract_cases import by_id

from wmzoo.contracts import dynamics as dynamics_contract
from wmzoo.contracts import loss as contract
from wmzoo.contracts.common import enliven, noise, simplices
from wmzoo.registry import get, list_entries

CASES = {case.id: case for name in list_entries("loss") for case in contract.suite(name)}
OTHERS = [f"with {name}" for name in list_entries("dynamics") if name not in ("mlp", "flow", "actions")]


@pytest.mark.parametrize("case", by_id(CASES, slow=OTHERS, usual=["mse", "rectified_flow", "noise_flow"]))
def test_a_loss_keeps_the_contract(case):
    CASES[case].run()


LOSSES = [name for name in list_entries("loss") if not get("loss", name).facts.get("regularises")]


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_trains_every_row_of_the_weights_of_the_dynamics_that_it_goes_with(name):
    """Untrained ones would be those of a head, which then says in imagination what it did at its random start."""
    make, loss = contract.factories(name)[name], get("loss", name)
    for other in contract.legal_dynamics(name):
        if not loss.trains(get("dynamics", other)):
            continue
        dynamics = enliven(dynamics_contract.factories(other)[other](0)).double()
        z0, actions, targets = simplices(64, 16), noise(3, 64, 2, seed=1), simplices(3, 64, 16, seed=2)
        make(torch.Generator().manual_seed(0)).rollout(dynamics, z0, actions, targets, 0.9).loss.backward()
        rows = {
            key: weight.grad.ne(0).flatten(min(1, weight.dim() - 1)).any(-1)
            for key, weight in dynamics.named_parameters()
        }
        assert [key for key, reached in rows.items() if not reached.all()] == [], other


def test_flow_may_be_trained_as_a_neural_ode_by_mse():
    assert "mse: with flow" in CASES and "rectified_flow: with mlp" not in CASES

"""The contract of dynamics losses, over every entry of the kind, and every legal pair with a dynamics."""

import pytest

from wmzoo.contracts import dynamics as dynamics_contract
from wmzoo.contracts import loss as contract
from wmzoo.contracts.common import enliven
from wmzoo.registry import get, list_entries

NAMES = list_entries("loss")
FACTORIES = {id_: make for name in NAMES for id_, make in contract.factories(name).items()}
PAIRS = [(name, dynamics) for name in NAMES for dynamics in contract.legal_dynamics(name)]


@pytest.mark.parametrize("entry", FACTORIES)
@pytest.mark.parametrize("check", contract.CHECKS, ids=lambda check: check.__name__)
def test_a_loss_keeps_the_contract(check, entry):
    if check is contract.check_gradient and contract.cuts_gradient(entry):
        pytest.skip("source_grad=false cuts the gradient on purpose")
    check(FACTORIES[entry])


@pytest.mark.parametrize("name", NAMES)
def test_a_dynamics_without_what_the_loss_requires_is_refused_with_its_name(name):
    contract.check_missing_capability(contract.factories(name)[name], get("loss", name).requires)


@pytest.mark.parametrize(("loss", "dynamics"), PAIRS)
def test_a_legal_pair_unrolls_the_dynamics(loss, dynamics):
    make_loss, make_dynamics = contract.factories(loss)[loss], dynamics_contract.factories(dynamics)[dynamics]
    contract.check_rollout(make_loss, enliven(make_dynamics(0)))


def test_flow_may_be_trained_as_a_neural_ode_by_mse():
    assert ("mse", "flow") in PAIRS and ("rectified_flow", "mlp") not in PAIRS

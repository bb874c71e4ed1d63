"""The contract of environments, over every entry of the kind and every named task."""

import pytest

from wmzoo.cards import tasks
from wmzoo.contracts import env as contract
from wmzoo.registry import build, get, list_entries

# (suite, what it plays)
NAMED = sorted({(suite, task) for _, suite, task in tasks()})
MORE = [("gymnasium", "Pendulum-v1"), ("dmc", "cup-catch"), ("dmc", "reacher-three-easy")]
SMALL_SET = ["reacher-three-hard", "pendulum-spin", "cartpole-balance-sparse"]  # three widths, cheap to step
SETS = [("multitask", SMALL_SET), pytest.param("multitask", "mt30", marks=pytest.mark.slow, id="mt30")]


def make(suite, played):
    return lambda num_envs: build("env", suite, num_envs=num_envs, **{key_of(suite): played})


def key_of(suite):
    return "set" if "set" in get("env", suite).params else "task"


@pytest.mark.parametrize(("suite", "played"), [*NAMED, *MORE, *SETS], ids=str)
@pytest.mark.parametrize("check", contract.CHECKS, ids=lambda check: check.__name__)
def test_a_named_task_keeps_the_contract(check, suite, played):
    check(make(suite, played))


@pytest.mark.parametrize("name", list_entries("env"))
def test_an_entry_is_checked_with_the_task_of_its_card(name):
    played = get("env", name).params[key_of(name)]
    assert played == "mt30" or (name, played) in NAMED + MORE  # those are checked above
    case = next(contract.suite(name))
    assert case.id == f"{name}: shapes and dtypes"
    case.run()

"""The contract of environments, over every entry of the kind and every named task."""

from contextlib import nullcontext

import pytest
import yaml
from which_dflex import BOTH, dflex

from wmzoo.contracts import env as contract
from wmzoo.paths import data_dir
from wmzoo.registry import build, get, list_entries


def named_tasks() -> list[tuple[str, str]]:
    """(suite, task) of every file in configs/env."""
    found = []
    for file in sorted((data_dir("configs") / "env").glob("*.yaml")):
        config = yaml.safe_load(file.read_text())
        found.append((config["defaults"][0], config["task"]))
    return found


TASKS = sorted({*named_tasks(), ("gymnasium", "Pendulum-v1"), ("dmc", "cup-catch")})
DFLEX = [task for suite, task in TASKS if suite == "dflex"]
SLOW = [("metaworld", "door-open"), ("metaworld", "push")]  # their suite is checked with reach
MARKED = [
    pytest.param(*task, id=task[1], marks=[pytest.mark.slow] if task in SLOW else [])
    for task in TASKS
    if task[0] != "dflex"
]


@pytest.mark.parametrize(("suite", "task"), MARKED)
@pytest.mark.parametrize("check", contract.CHECKS, ids=lambda check: check.__name__)
def test_a_named_task_keeps_the_contract(check, suite, task):
    check(lambda num_envs: build("env", suite, task=task, num_envs=num_envs))


@pytest.mark.parametrize("task", DFLEX)
@pytest.mark.parametrize("which", BOTH)
@pytest.mark.parametrize("check", contract.CHECKS, ids=lambda check: check.__name__)
def test_a_dflex_task_keeps_the_contract(check, which, task):
    with dflex(which):
        check(lambda num_envs: build("env", "dflex", task=task, num_envs=num_envs))


EVERY_BACKEND = [("dmc", "reacher-easy"), ("gymnasium", "Hopper-v5")]
BACKENDS = [
    pytest.param(suite, task, backend, id=f"{task}-{backend}", marks=() if fast else pytest.mark.slow)
    for suite, task in EVERY_BACKEND
    for backend in ("serial", "threads", "processes", "arrays", "rollout")
    if (task, backend) != ("Hopper-v5", "rollout")
    for fast in [backend in ("serial", "threads") or (task, backend) == ("reacher-easy", "processes")]
]


@pytest.mark.parametrize(("suite", "task", "backend"), BACKENDS)
@pytest.mark.parametrize("check", contract.CHECKS, ids=lambda check: check.__name__)
def test_every_backend_keeps_the_contract(check, suite, task, backend):
    check(lambda num_envs: build("env", suite, task=task, num_envs=num_envs, backend=backend))


@pytest.mark.parametrize("name", list_entries("env"))
def test_an_entry_is_checked_with_the_task_of_its_card(name):
    assert (name, get("env", name).params["task"]) in TASKS  # those are checked above
    case = next(contract.suite(name))
    assert case.id == f"{name}: shapes and dtypes"
    with dflex("fake") if name == "dflex" else nullcontext():
        case.run()

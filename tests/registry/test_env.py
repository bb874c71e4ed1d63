"""The contract of environments, over every entry of the kind and every named task."""

from contextlib import nullcontext

import pytest
from which_dflex import BOTH, dflex

from wmzoo.contracts import env as contract
from wmzoo.registry import build, get, list_entries
from wmzoo.registry.tasks import presets

# (suite, what it plays)
NAMED = sorted({(preset.suite, preset.task) for preset in presets()})
MORE = [("gymnasium", "Pendulum-v1"), ("dmc", "cup-catch"), ("dmc", "reacher-three-easy")]
SMALL_SET = ["reacher-three-hard", "pendulum-spin", "cartpole-balance-sparse"]  # three widths, cheap to step
HERE = [*(named for named in NAMED if named[0] != "dflex"), *MORE, ("multitask", SMALL_SET), ("multitask", "mt30")]
# The others are of these suites, too: their numbers are those of the suite itself, see tests/envs.
FAST = [("dmc", "reacher-easy"), ("gymnasium", "Ant-v5"), ("gymnasium", "Pendulum-v1"), ("multitask", SMALL_SET)]
# As reach is, which CI takes.
ALIKE = [("metaworld", "push"), ("metaworld", "door-open")]
# For whose many environments in check_autoreset `auto` starts worker processes, which take seconds to begin.
PROCESSES = [("metaworld", "reach"), ("multitask", SMALL_SET), ("dmc", "cup-catch"), ("dmc", "reacher-three-easy")]
# A picture of one task of a suite is as good as another's.
DRAWN = [("dmc", "reacher-easy"), ("gymnasium", "Ant-v5"), ("gymnasium", "Pendulum-v1"), *PROCESSES[:2]]
DFLEX = [task for suite, task in NAMED if suite == "dflex"]
LENGTH = 60  # of an episode, so that ends come soon; what depends on a task's own length is checked below, too


def make(suite, played, **more):
    if suite == "metaworld":
        pytest.importorskip("metaworld")
    return lambda num_envs: build("env", suite, num_envs=num_envs, **{key_of(suite): played}, **more)


def key_of(suite):
    return "set" if "set" in get("env", suite).params else "task"


def case(check, suite, played):
    drawn_elsewhere = check is contract.check_render and (suite, played) not in DRAWN
    marks = [pytest.mark.slow] if (suite, played) not in FAST or drawn_elsewhere else []
    marks += [pytest.mark.exhaustive] if (suite, played) in ALIKE else []
    name = "-".join(played) if isinstance(played, list) else played
    return pytest.param(check, suite, played, id=f"{check.__name__}-{suite}-{name}", marks=marks)


@pytest.mark.parametrize(
    ("check", "suite", "played"), [case(check, *named) for check in contract.CHECKS for named in HERE]
)
def test_a_named_task_keeps_the_contract(check, suite, played):
    more = {"episode_length": LENGTH}
    if check is contract.check_autoreset and (suite, played) in PROCESSES:
        more["backend"] = "serial"
    check(make(suite, played, **more))


OWN_LENGTH = [("dmc", "cheetah-run"), ("gymnasium", "Hopper-v5"), ("metaworld", "reach"), ("multitask", SMALL_SET)]


@pytest.mark.slow
@pytest.mark.parametrize(("suite", "played"), OWN_LENGTH, ids=str)
@pytest.mark.parametrize("check", [contract.check_autoreset, contract.check_state_roundtrip], ids=lambda c: c.__name__)
def test_a_task_of_each_suite_keeps_the_contract_over_episodes_of_its_own_length(check, suite, played):
    check(make(suite, played))


@pytest.mark.parametrize("task", [DFLEX[0], *(pytest.param(task, marks=pytest.mark.slow) for task in DFLEX[1:])])
@pytest.mark.parametrize("which", BOTH)
@pytest.mark.parametrize("check", contract.CHECKS, ids=lambda check: check.__name__)
def test_a_dflex_task_keeps_the_contract(check, which, task):
    with dflex(which):
        check(lambda num_envs: build("env", "dflex", task=task, num_envs=num_envs))


EVERY_BACKEND = [("dmc", "reacher-easy"), ("gymnasium", "Hopper-v5")]
OF_PROCESSES = (contract.check_close, contract.check_crash)  # each takes seconds to begin; the others: test_backend.py


def marks(check, task, backend):
    if task == "reacher-easy" and (backend == "threads" or (backend == "processes" and check in OF_PROCESSES)):
        return ()
    return (pytest.mark.slow, pytest.mark.exhaustive) if backend == "processes" else pytest.mark.slow


BACKENDS = [
    pytest.param(
        check, suite, task, backend, id=f"{check.__name__}-{task}-{backend}", marks=marks(check, task, backend)
    )
    for suite, task in EVERY_BACKEND
    for backend in ("serial", "threads", "processes", "arrays", "rollout")
    if (task, backend) not in (("Hopper-v5", "rollout"), ("Hopper-v5", "processes"))  # the last: test_backend.py
    for check in contract.CHECKS
]  # fmt: skip


@pytest.mark.parametrize(("check", "suite", "task", "backend"), BACKENDS)
def test_every_backend_keeps_the_contract(check, suite, task, backend):
    check(make(suite, task, episode_length=LENGTH, backend=backend))


@pytest.mark.parametrize("name", list_entries("env"))
def test_an_entry_is_checked_with_the_task_of_its_card(name):
    played = get("env", name).params[key_of(name)]
    if name == "metaworld":
        pytest.importorskip("metaworld")
    assert played == "mt30" or (name, played) in NAMED + MORE  # those are checked above
    case = next(contract.suite(name))
    assert case.id == f"{name}: shapes and dtypes"
    with dflex("fake") if name == "dflex" else nullcontext():
        case.run()

"""What `wmzoo bench WHAT` means."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from short_run import SHORT_RUN

from wmzoo.agent.build import integrators
from wmzoo.config.composition import compose
from wmzoo.diagnostics.cost import Contender
from wmzoo.errors import WmzooError
from wmzoo.scoreboard.arm import command_of, read_arm, typed_words

DYNAMICS = """
import wmzoo
from wmzoo.dynamics.mlp import MLPDynamics
"""


def registering(file: Path, *entries: tuple[str, str]) -> str:
    classes = [
        f'@wmzoo.register("{kind}", "{name}")\nclass C{number}(MLPDynamics): ...\n'
        for number, (kind, name) in enumerate(entries)
    ]
    file.write_text("".join([DYNAMICS, *classes]))
    return str(file)


@pytest.mark.parametrize(
    ("what", "override"),
    [
        ("koopman", "dynamics=koopman"),
        ("noise_flow", "dynamics=noise_flow"),  # a loss, too
        ("cosine", "loss=cosine"),
        ("jacobian", "loss.add=[{name: jacobian, weight: 0.1}]"),  # to the loss of the dynamics: alone it is nothing
    ],
)
def test_a_name_is_the_entry_s_kind_of_several_the_dynamics(what: str, override: str) -> None:
    arm = read_arm(what)
    assert (arm.name, arm.overrides, arm.plugins) == (what, (override,), ())


def test_an_integrator_trains_as_well_where_its_dynamics_could_train_with_another() -> None:
    arm = read_arm("dopri5", ["size=tiny"])
    cfg = compose(arm.overrides)
    made = integrators(cfg)
    assert made["integrator"] is not None and made["train_integrator"] is None  # the same
    assert cfg.dynamics.train_substeps is None and cfg.dynamics.substeps == 2
    assert arm.name == "dopri5-size-tiny" and typed_words(arm.overrides) == ["size=tiny"]
    assert command_of(arm.overrides) == "wmzoo bench dopri5 size=tiny"
    assert command_of(read_arm("jacobian").overrides) == "wmzoo bench jacobian"
    assert read_arm("heun", ["dynamics=noise_flow"]).overrides == ("integrator=heun", "dynamics=noise_flow")
    typed = read_arm("heun", ["dynamics.train_integrator=euler"])
    assert compose(typed.overrides).dynamics.train_integrator == "euler"


def test_two_integrators_give_different_weights() -> None:
    """Of one update of the model each, from the same start: the card's own Euler step would give the same."""
    weights = []
    for name in ("heun", "dopri5"):
        contender = Contender(compose([*SHORT_RUN, "env=pendulum_swingup", *read_arm(name).overrides]), 3, 1)
        contender.updates()["model"]()
        weights.append(torch.cat([p.detach().flatten() for p in contender.agent.world_model.dynamics.parameters()]))
    assert not torch.equal(*weights)


def test_a_loss_and_an_integrator_say_with_which_dynamics() -> None:
    flow = compose([]).dynamics
    assert read_arm("cosine").notes(flow, "rectified_flow") == [
        "cosine is cosine with dynamics=flow, whose own loss is rectified_flow"
    ]
    (said,) = read_arm("rk4").notes(compose(read_arm("rk4").overrides).dynamics, "rectified_flow")
    assert said.startswith("rk4 is rk4 with dynamics=flow, which is trained with it, too (dynamics.train_integrator=")
    assert read_arm("rk4").notes(flow, "") == ["rk4 is rk4 with dynamics=flow"]
    assert read_arm("flow").notes(flow, "rectified_flow") == []
    assert read_arm("jacobian").notes({"name": "mlp"}, "mse") == [
        "jacobian is jacobian with dynamics=mlp, added to its own loss, mse"
    ]


def test_what_is_typed_besides_is_part_of_the_arm_and_of_its_name() -> None:
    arm = read_arm("flow", ["dynamics.units=[64,64]", "integrator=rk4"])
    assert arm.name == "flow-dynamics.units-64-64-integrator-rk4"
    assert arm.overrides == ("dynamics=flow", "dynamics.units=[64,64]", "integrator=rk4")
    many = [f"recipe.gamma=0.9{digit}" for digit in range(9)]
    assert len(read_arm("flow", many).name) == len("flow-") + 8
    assert read_arm("flow", many).name != read_arm("flow", many[1:]).name


def test_a_file_is_its_one_dynamics_or_else_its_loss(tmp_path: Path, own_registry: None) -> None:
    one = registering(tmp_path / "one.py", ("dynamics", "gated"), ("loss", "gentle"))
    arm = read_arm(one)
    assert (arm.name, arm.overrides, arm.plugins) == ("gated", ("dynamics=gated",), (one,))
    arm = read_arm(registering(tmp_path / "other.py", ("loss", "harsh")), [f"plugins=[{one}]", "dynamics=gated"])
    assert arm.overrides == ("loss=harsh", "dynamics=gated")
    assert arm.plugins == (one, str(tmp_path / "other.py"))


def test_of_a_file_with_several_dynamics_one_has_to_be_chosen(tmp_path: Path, own_registry: None) -> None:
    file = registering(tmp_path / "two.py", ("dynamics", "gated"), ("dynamics", "doubled"))
    with pytest.raises(WmzooError, match="registers several.*add dynamics=doubled or dynamics=gated"):
        read_arm(file)
    assert read_arm(file, ["dynamics=gated", "size=tiny"]).overrides == ("dynamics=gated", "size=tiny")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["koopmann"], "did you mean koopman"),
        (["mlp", "seed=3"], "--seeds N"),
        (["mlp", "env=walker_walk"], "--tasks NAME,NAME"),
        (["mlp", "run_dir=here"], "--root DIR"),
        (["nowhere.py"], "no such file"),
    ],
)
def test_a_mistake_is_told_with_what_to_type(words: list[str], said: str) -> None:
    with pytest.raises(WmzooError, match=said):
        read_arm(words[0], words[1:])


def test_a_file_without_an_entry_that_could_be_compared_is_refused(tmp_path: Path, own_registry: None) -> None:
    with pytest.raises(WmzooError, match="registers no dynamics, loss or integrator"):
        read_arm(registering(tmp_path / "empty.py"))

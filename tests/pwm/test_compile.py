"""Compiled or not, an update is the same. (On a GPU `compile=auto` compiles; here it is asked for.)"""

from __future__ import annotations

from functools import partial

import pytest
import torch
from composed import composed
from short_run import SHORT_RUN
from tiny import TASKS, tiny_agent, tiny_pwm
from torch import Tensor

from wmzoo.agent.build import build_agent
from wmzoo.contracts.trainer import Notes
from wmzoo.data.replay import Slices
from wmzoo.dynamics.flow import FlowDynamics
from wmzoo.losses.mse import MSELoss
from wmzoo.losses.rectified_flow import RectifiedFlowLoss
from wmzoo.pwm.algorithm import PWM
from wmzoo.pwm.build import build_pwm
from wmzoo.trainers.build import build_trainer

SHAPES = ((3, 6, 3), (2, 6, 2), (2, 6))  # of a few slices


@pytest.fixture
def no_code_generation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is captured, forward and backward, but run by PyTorch's own kernels: C++ for it takes minutes."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    torch.compiler.reset()


def figures(pwm: PWM, slices: Slices, task: Tensor | None) -> list[float]:
    """Of two rounds of all updates: the second sees what the first made of the weights."""
    rows = []
    for _ in range(2):
        rollout, row = pwm.update_actor(slices.obs[0], 2, task)
        rows += [pwm.update_model(slices, task), row, pwm.update_critic(rollout)]
    return [figure.item() for row in rows for figure in row.values()]


@pytest.mark.slow
@pytest.mark.usefixtures("no_code_generation")
@pytest.mark.parametrize(("dynamics", "tasks", "bins"), [("mlp/none", False, 1), ("flow/logit", True, 11)])
def test_compiled_updates_have_the_losses_and_leave_the_weights_of_eager_ones(
    dynamics: str, tasks: bool, bins: int
) -> None:
    generator = torch.Generator().manual_seed(0)
    slices = Slices(*(torch.randn(shape, dtype=torch.float64, generator=generator) for shape in SHAPES))
    task = torch.arange(6) % TASKS if tasks else None
    found, weights = [], []
    for compiled in (False, True):
        loss = RectifiedFlowLoss(generator=torch.Generator().manual_seed(1)) if "flow" in dynamics else MSELoss()
        agent = tiny_agent(dynamics, tasks=tasks, bins=bins)
        if isinstance(agent.world_model.dynamics, FlowDynamics):
            agent.world_model.dynamics.train_substeps = 1  # a second one doubles the code
        pwm = tiny_pwm(agent, loss, return_scale=True, reward_scale="std", compiled=compiled)
        found.append(figures(pwm, slices, task))
        weights.append(torch.cat([parameter.detach().flatten() for parameter in agent.parameters()]))
    assert found[1] == pytest.approx(found[0], rel=1e-9, abs=1e-12)
    assert torch.allclose(weights[1], weights[0], rtol=0, atol=1e-6)  # Adam divides by gradients near zero


@pytest.mark.parametrize("compiled", [True, False])
def test_the_config_says_whether_the_updates_are_compiled(compiled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []
    monkeypatch.setattr(torch, "compile", lambda function, **how: given.append(function.__name__) or function)
    cfg = composed(*SHORT_RUN, "env=pendulum_swingup", "dynamics=mlp", f"compile={str(compiled).lower()}")
    build_trainer(cfg, Notes().of)
    assert given == (["_call_impl", "unroll", "value_loss"] if compiled else [])  # the first is the model's loss


@pytest.mark.slow
@pytest.mark.usefixtures("no_code_generation")
@pytest.mark.parametrize("dynamics", ["mean_flow", "shortcut", "noise_flow dynamics.substeps=1", "gaussian"])
def test_every_kind_of_loss_can_be_compiled(dynamics: str) -> None:
    """Those of the mlp and the flow: above. Two updates of the model: the second sees the gradients of the first."""
    slices = Slices(*(torch.rand(shape, generator=torch.Generator().manual_seed(0)) for shape in SHAPES))
    found = []
    for compiled in (False, True):
        cfg = composed("size=tiny", *f"dynamics={dynamics}".split())
        agent = build_agent(cfg, 3, 2)
        streams = {name: torch.Generator().manual_seed(1) for name in ("imagination", "minibatch", "tau", "chance")}
        pwm = build_pwm(cfg, agent, streams, compiled)
        rows = [pwm.update_model(slices), pwm.update_model(slices)]
        found.append([figure.item() for row in rows for figure in row.values()])
    assert found[1] == pytest.approx(found[0], rel=1e-4)

"""A file computes what the agent does, for any number of rows, and says whose it is; one that does not is not left."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from saved_agents import SET, saved
from torch import Tensor, nn

import wmzoo
from wmzoo.agent.agent import Agent
from wmzoo.agent.rewards import in_task_units
from wmzoo.cli.main import main
from wmzoo.errors import CheckFailed, WmzooError
from wmzoo.exports import graphs
from wmzoo.exports.files import FACTS, OPSET, write_onnx, write_program
from wmzoo.exports.graphs import Graph

onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: wmzoo[onnx]")
onnx = pytest.importorskip("onnx", reason="onnx is not installed: wmzoo[onnx]")


def agent_of(*typed: str) -> Agent:
    """A tiny one with no weight at zero, that has seen observations and rewards."""
    agent = wmzoo.build_agent(wmzoo.compose(["size=tiny", *typed]), obs_dim=5, act_dim=2).eval()
    chance = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in agent.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=chance), alpha=0.1)
    model = agent.world_model
    assert model.observation_moments is not None
    model.observation_moments.update(3 + 2 * torch.randn(100, 5, generator=chance))
    model.reward_moments.update(7 * torch.randn(100, generator=chance))
    return agent


def run(file: Path, **inputs: Tensor) -> dict[str, Tensor]:
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    found = session.run(names, {name: tensor.numpy() for name, tensor in inputs.items()})
    return dict(zip(names, map(torch.from_numpy, found), strict=True))


def facts(file: Path) -> dict[str, str]:
    return {entry.key: entry.value for entry in onnx.load(file).metadata_props}


def close(found: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(found, wanted.detach(), rtol=1e-5, atol=2e-5)


def observations(rows: int) -> Tensor:
    return 3 + 2 * torch.randn(rows, 5, generator=torch.Generator().manual_seed(rows))


@pytest.mark.slow
def test_the_policy_acts_as_the_agent_does(tmp_path: Path) -> None:
    agent = agent_of("dynamics=flow")
    assert write_onnx(graphs.policy(agent), tmp_path / "policy.onnx") < 1e-5
    for rows in (1, 64):
        close(run(tmp_path / "policy.onnx", obs=observations(rows))["action"], agent.act(observations(rows)))
    (opset,) = onnx.load(tmp_path / "policy.onnx").opset_import
    told = facts(tmp_path / "policy.onnx")
    assert opset.version == OPSET and told["opset"] == str(OPSET) and told["wmzoo"] == wmzoo.__version__
    assert (told["task"], told["obs_dim"], told["act_dim"]) == ("cartpole-swingup", "5", "2")
    assert [file.name for file in tmp_path.iterdir()] == ["policy.onnx"]


def test_a_program_of_torch_export_acts_as_the_agent_does_and_holds_no_more_than_that_takes(tmp_path: Path) -> None:
    agent = agent_of("dynamics=mlp", "recipe.policy_std=state")
    assert write_program(graphs.policy(agent), tmp_path / "policy.pt2") < 1e-5
    told = {FACTS: ""}
    program = torch.export.load(tmp_path / "policy.pt2", extra_files=told)
    module: Any = program.module()
    for rows in (1, 64):
        close(module(obs=observations(rows)), agent.act(observations(rows)))
    assert json.loads(told[FACTS])["graph"] == "policy"
    assert not any("dynamics" in name or "critic" in name for name in program.state_dict)


STEPS = [
    ("dynamics=mlp",),
    ("dynamics=flow", "integrator=heun", "dynamics.substeps=2", "dynamics.train_integrator=null"),
    ("dynamics=flow", "integrator=rk4", "dynamics.trunk=shared", "dynamics.train_integrator=rk4"),
    ("dynamics=mlp", "dynamics.residual=latent", "model.num_bins=101", "recipe.reward_scale=none"),
    ("dynamics=gaussian",),
    ("dynamics=categorical",),
    ("dynamics=noise_flow",),
    ("dynamics=shortcut", "recipe.reward_scale=mean_std"),
]


@pytest.mark.slow
@pytest.mark.parametrize("typed", STEPS, ids=[" ".join(typed) for typed in STEPS])
def test_a_step_of_the_model_is_that_of_the_agent(tmp_path: Path, typed: tuple[str, ...]) -> None:
    agent = agent_of(*typed)
    model = agent.world_model
    write_onnx(graphs.step(agent), tmp_path / "step.onnx")
    chance = torch.Generator().manual_seed(3)
    latent = model.encode(observations(16)).detach()
    action = 2 * torch.rand(16, 2, generator=chance) - 1
    noise = torch.randn(16, model.dynamics.noise_dim, generator=chance) if model.dynamics.noise_dim else None
    given = {"latent": latent, "action": action} | ({} if noise is None else {"noise": noise})
    found = run(tmp_path / "step.onnx", **given)
    reached, reward = model.step(latent, action, None, noise)
    close(found["next_latent"], reached)
    close(found["reward"], in_task_units(agent, reward))
    close(found["discount"], 1 - model.end_probability(reached))
    assert (reached - latent).abs().max() > 0.01 and reward.std() > 0


@pytest.mark.slow
def test_an_agent_of_several_tasks_takes_the_number_of_one(tmp_path: Path) -> None:
    agent = wmzoo.load(saved(tmp_path / "agent"))
    with torch.no_grad():
        agent.world_model.task_embedding.table.weight.mul_(10)  # longer than they may be
    write_onnx(graphs.policy(agent), tmp_path / "policy.onnx")
    write_onnx(graphs.step(agent), tmp_path / "step.onnx")
    chance = torch.Generator().manual_seed(0)
    obs, task = torch.randn(12, agent.obs_dim, generator=chance), torch.arange(12) % len(SET)
    wanted = agent.act(obs, task)
    action = run(tmp_path / "policy.onnx", obs=obs, task=task)["action"]
    close(action, wanted)
    assert (action[task == 1][:, 1:] == 0).all() and (action[:, 0] != 0).all()  # pendulum has one action of two
    latent = agent.world_model.encode(obs, task)
    found = run(tmp_path / "step.onnx", latent=latent.detach(), action=wanted, task=task)
    close(found["next_latent"], agent.world_model.next(latent, wanted, task).detach())
    assert facts(tmp_path / "step.onnx")["num_tasks"] == "3" and set(found) == {"next_latent", "reward"}


@pytest.mark.slow
@pytest.mark.parametrize(  # an mlp's graphs are also written above
    "name", ["cartpole_swingup-flow", pytest.param("cartpole_swingup-mlp", marks=pytest.mark.exhaustive)]
)
def test_the_command_writes_the_files_of_a_checkpoint_of_the_catalogue(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    files = {"--onnx": "policy.onnx", "--encoder": "encoder.onnx", "--model-step": "step.onnx"}
    files |= {"--torch-export": "policy.pt2"}
    typed = [word for option, file in files.items() for word in (option, str(tmp_path / "out" / file))]
    assert main(["export", name, *typed]) == 0
    told = capsys.readouterr().out.splitlines()
    assert len(told) == 4 and "policy.onnx: policy, obs -> action; opset 18, within " in told[0]
    agent, obs = wmzoo.load(name), torch.randn(1000, 5, generator=torch.Generator().manual_seed(9))
    action = run(tmp_path / "out" / "policy.onnx", obs=obs)["action"]
    np.testing.assert_allclose(action.numpy(), agent.act(obs).numpy(), rtol=1e-5, atol=5e-5)
    latent = run(tmp_path / "out" / "encoder.onnx", obs=obs)["latent"]
    close(latent, agent.world_model.encode(obs))
    reached, reward = agent.world_model.step(latent, action)
    found = run(tmp_path / "out" / "step.onnx", latent=latent, action=action)
    close(found["next_latent"], reached)
    close(found["reward"], in_task_units(agent, reward))


class OtherWhenTraced(nn.Module):
    def forward(self, obs: Tensor) -> Tensor:
        return obs + (1.0 if torch.compiler.is_compiling() else 0.0)


@pytest.mark.parametrize("write", [write_onnx, write_program])
def test_a_file_that_computes_something_else_is_not_left(tmp_path: Path, write: Any) -> None:
    graph = Graph("policy", OtherWhenTraced(), {"obs": torch.zeros(1000, 3)}, ("action",), {})
    (tmp_path / "policy.pt2").write_bytes(b"of yesterday")
    with pytest.raises(CheckFailed, match=r"policy\.pt2: not written: .* differ by 1\.0e\+00 in action of the policy"):
        write(graph, tmp_path / "policy.pt2")
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"of yesterday"]


class Branching(nn.Module):
    def forward(self, obs: Tensor) -> Tensor:
        return obs if obs.sum() > 0 else -obs


@pytest.mark.parametrize("write", [write_onnx, write_program])
def test_what_the_exporters_cannot_follow_is_told_in_one_line(tmp_path: Path, write: Any) -> None:
    graph = Graph("policy", Branching(), {"obs": torch.zeros(1000, 3)}, ("action",), {})
    with pytest.raises(
        WmzooError, match=r"policy\.pt2: the policy cannot be exported .* branches on no numbers"
    ) as caught:
        write(graph, tmp_path / "policy.pt2")
    assert "\n" not in str(caught.value) and not list(tmp_path.iterdir())


def test_a_model_alone_has_no_policy_and_a_command_without_a_file_nothing_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    agent = agent_of("dynamics=mlp")
    agent.actor = None
    with pytest.raises(WmzooError, match="there is no policy to export"):
        graphs.policy(agent)
    assert main(["export", "cartpole_swingup-mlp"]) == 2
    assert "say what is to be written: --onnx" in capsys.readouterr().err


def test_the_rounding_of_a_steep_policy_is_not_held_against_its_file() -> None:
    """Its own float32 result is further from the exact one than a shallow policy's."""

    class Steep(nn.Module):
        def __init__(self, slope: float) -> None:
            super().__init__()
            self.slope = slope

        def forward(self, obs: Tensor) -> Tensor:
            return (self.slope * (obs + 1000)).sin()

    inputs: Mapping[str, Tensor] = {"obs": torch.randn(100, 1, generator=torch.Generator().manual_seed(0))}
    shallow, steep = (Graph("policy", Steep(slope), inputs, ("action",), {}).rounding()[0] for slope in (0.001, 1.0))
    assert shallow < 1e-6 < 1e-5 < steep

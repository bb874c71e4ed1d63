"""A student of a flow: what it learns from, what stays as it was, and what its bundle is good for."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from composed import composed
from short_run import SHORT_RUN

import wmzoo
from wmzoo.agent.build import build_agent
from wmzoo.cli.main import main
from wmzoo.config.composition import compose
from wmzoo.config.recipe import Recipe
from wmzoo.data.collect import collect, uniform
from wmzoo.data.convert import convert
from wmzoo.data.replay import Slices
from wmzoo.dynamics.flow import FlowDynamics
from wmzoo.envs.task_sets import find
from wmzoo.errors import WmzooError
from wmzoo.losses.mse import MSELoss
from wmzoo.pwm.model_loss import DistillationLoss
from wmzoo.reports.words import number
from wmzoo.runs.metrics import read_metrics
from wmzoo.runs.train import train

HORIZON, GAMMA = 3, 0.9
DISTILL = ["trainer=distill", "trainer.horizon=4", "recipe.model_horizon=4"]
DISTILL += ["trainer.batch_size=64", "trainer.model_updates=50"]


@torch.no_grad()
def saved_flow(folder: Path, *overrides: str) -> Path:
    """A flow whose latent steps are considerable and bend, so that its integrator matters."""
    agent = build_agent(
        composed("size=tiny", "dynamics=flow", "integrator=rk4", "recipe.termination=false", *overrides),
        obs_dim=5,
        act_dim=1,
    )
    generator = torch.Generator().manual_seed(0)
    for parameter in agent.world_model.dynamics.parameters():
        parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
    agent.save(folder)
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("random")
    collect([find("cartpole-swingup")], [(3, uniform)], folder / "chunks", seed=0, facts={})
    convert([folder / "chunks"], folder / "data")
    return folder / "data"


def test_its_targets_are_the_steps_in_which_the_teacher_s_policy_was_trained(tmp_path: Path) -> None:
    """One after the other, and Euler's: y + v(z, a, 0), where dynamics(z, a) takes two of RK4."""
    teacher = wmzoo.load(saved_flow(tmp_path / "teacher")).double().world_model
    student = build_agent(composed("size=tiny", "dynamics=mlp"), obs_dim=5, act_dim=1).double().world_model
    obs, actions = torch.randn(HORIZON + 1, 7, 5).double(), torch.rand(HORIZON, 7, 1).double() * 2 - 1
    recipe = Recipe.of(composed("size=tiny", f"recipe.gamma={GAMMA}").recipe)
    found = DistillationLoss(student, MSELoss(), recipe, teacher.dynamics)(
        Slices(obs, actions, torch.zeros(HORIZON, 7))
    )
    flow, start = teacher.dynamics, torch.zeros(7, 1).double()
    assert isinstance(flow, FlowDynamics)
    expected, taught = 0.0, student.encode(obs[0])
    assert not torch.allclose(flow(taught, actions[0]), teacher.next(taught, actions[0]))
    z = taught
    for step, action in enumerate(actions):
        y = taught.clamp_min(1e-6).log() + flow.velocity(taught, action, start)
        z, taught = student.dynamics(z, action), y.unflatten(-1, (-1, 8)).softmax(-1).flatten(-2)
        expected += GAMMA**step * (z - taught).square().mean().item() / HORIZON
    assert found.total.item() == pytest.approx(recipe.dynamics_coef * expected, rel=1e-9)


@pytest.mark.usefixtures("no_video")
def test_the_student_comes_near_its_teacher_in_a_model_that_else_stays_as_it_was(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    teacher = saved_flow(tmp_path / "teacher")
    overrides = [*SHORT_RUN, "env=cartpole_swingup", "dynamics=mlp", *DISTILL, f"init_from={teacher}"]
    overrides += [f"data.dir={data}", f"run_dir={tmp_path / 'run'}", "trainer.iterations=3", "eval.every=1"]
    train(compose(overrides))
    rows, agent, before = read_metrics(tmp_path / "run"), wmzoo.load(tmp_path / "run"), wmzoo.load(teacher)
    assert rows[-1]["dynamics_loss"] < 0.2 * rows[0]["dynamics_loss"]
    assert agent.cfg.dynamics.name == "mlp" and agent.world_model.dynamics.nfe == 1
    after = agent.state_dict()
    kept = {name: tensor for name, tensor in before.state_dict().items() if ".dynamics." not in name}
    assert [name for name, tensor in kept.items() if not torch.equal(tensor, after[name])] == []
    assert len({row["teacher_latent_error_first"] for row in rows}) > 1  # on other slices each time
    assert f"reached: latent error {number(rows[-1]['latent_error_first'])} after one step" in (
        out := capsys.readouterr().out
    )
    assert f"its teacher's {number(rows[-1]['teacher_latent_error_first'])} and " in out
    assert all(row["teacher_reward_r2_last"] is not None and row["latent_error_last"] > 0 for row in rows)


@pytest.mark.slow
@pytest.mark.usefixtures("no_video")
def test_a_flow_of_one_step_starts_from_its_teacher_s_weights_and_serves_a_further_training(
    tmp_path: Path, data: Path
) -> None:
    teacher = saved_flow(tmp_path / "teacher")
    run = tmp_path / "run"
    overrides = [*SHORT_RUN, "env=cartpole_swingup", "dynamics=flow", "integrator=euler", "dynamics.substeps=1"]
    common = [*overrides, f"data.dir={data}"]
    train(compose([*common, *DISTILL, f"init_from={teacher}", "trainer.iterations=1", f"run_dir={run}"]))
    first = read_metrics(run)[0]
    assert first["dynamics_loss"] < 0.02  # of weights that had to begin anew: 0.07 and more
    assert main(["resume", str(run), "trainer.iterations=2"]) == 0
    assert [row["iteration"] for row in read_metrics(run)] == [1, 2]
    train(
        compose([*common, "trainer=offline", "trainer.iterations=1", f"init_from={run}", f"run_dir={tmp_path / 'p'}"])
    )
    assert wmzoo.load(tmp_path / "p").actor is not None


def test_without_a_teacher_or_beside_another_model_it_is_refused(tmp_path: Path, data: Path) -> None:
    overrides = [*SHORT_RUN, "env=cartpole_swingup", "dynamics=mlp", *DISTILL, f"data.dir={data}"]
    with pytest.raises(WmzooError, match="trainer=distill learns inside a model that was trained: init_from=RUN"):
        train(compose([*overrides, f"run_dir={tmp_path / 'run'}"]))
    teacher = saved_flow(tmp_path / "teacher", "model.latent_dim=64")
    with pytest.raises(WmzooError, match=r"another one: encoder.*; there it is model.latent_dim=64"):
        train(compose([*overrides, f"init_from={teacher}", f"run_dir={tmp_path / 'run'}"]))

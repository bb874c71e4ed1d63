"""A student of a flow: what it learns from, what stays as it was, and what its bundle is good for."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from composed import composed
from short_run import SHORT_RUN

import wmzoo
from wmzoo.agent.build import build_agent
from wmzoo.agent.teacher import FullSteps, load_teacher
from wmzoo.cli.main import main
from wmzoo.config.composition import compose
from wmzoo.config.recipe import Recipe
from wmzoo.data.collect import collect, uniform
from wmzoo.data.convert import convert
from wmzoo.data.replay import Slices
from wmzoo.diagnostics.open_loop import open_loop_by_step
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


def test_its_targets_are_the_teacher_s_full_steps_one_after_the_other(tmp_path: Path) -> None:
    teacher = load_teacher(saved_flow(tmp_path / "teacher")).double()
    student = build_agent(composed("size=tiny", "dynamics=mlp"), obs_dim=5, act_dim=1).double().world_model
    obs, actions = torch.randn(HORIZON + 1, 7, 5).double(), torch.rand(HORIZON, 7, 1).double() * 2 - 1
    recipe = Recipe.of(composed("size=tiny", f"recipe.gamma={GAMMA}").recipe)
    dynamics = teacher.world_model.dynamics
    assert isinstance(dynamics, FullSteps) and dynamics.nfe == dynamics.dynamics.forward_nfe > dynamics.dynamics.nfe
    found = DistillationLoss(student, MSELoss(), recipe, dynamics)(Slices(obs, actions, torch.zeros(HORIZON, 7)))
    expected, taught = 0.0, student.encode(obs[0])
    z = taught
    for step, action in enumerate(actions):
        z, taught = student.dynamics(z, action), dynamics.dynamics(taught, action)
        expected += GAMMA**step * (z - taught).square().mean().item() / HORIZON
    assert found.total.item() == pytest.approx(recipe.dynamics_coef * expected, rel=1e-12)


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


def test_the_teacher_s_figures_are_those_of_its_full_steps(tmp_path: Path) -> None:
    """Which an Euler step alone, as its rollouts take, does not have."""
    path = saved_flow(tmp_path / "teacher")
    slices = Slices(torch.randn(5, 64, 5), torch.rand(4, 64, 1), torch.zeros(4, 64))
    full, own = load_teacher(path).world_model, wmzoo.load(path).world_model
    zs = [own.encode(slices.obs[0])]
    for action in slices.actions:
        zs.append(own.dynamics(zs[-1], action))
    truth = own.encode(slices.obs)
    error = ((zs[-1] - truth[-1]).square().sum() / (truth[-1] - truth[0]).square().sum()).item()
    assert open_loop_by_step(full, slices, lambda r: r)["latent_error"][-1] == pytest.approx(error, rel=1e-5)
    assert open_loop_by_step(own, slices, lambda r: r)["latent_error"][-1] != pytest.approx(error, rel=1e-3)


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

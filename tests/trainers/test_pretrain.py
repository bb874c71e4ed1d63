"""Pretraining on tasks of very different sizes: each is measured by itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from chunk_files import write_chunks
from omegaconf import OmegaConf

from wmzoo.agent.build import build_agent
from wmzoo.agent.load import load
from wmzoo.agent.rewards import in_task_units
from wmzoo.config.composition import compose
from wmzoo.data.chunks import Chunk
from wmzoo.data.convert import convert
from wmzoo.data.sampler import SliceSampler, TaskSlices
from wmzoo.envs.task_sets import Task
from wmzoo.runs.metrics import read_metrics
from wmzoo.runs.recorder import SilentRecorder
from wmzoo.runs.train import train
from wmzoo.trainers.build import build_trainer
from wmzoo.trainers.pretrain import PretrainTrainer, of_task

TWO = (Task("cartpole-swingup", 4, 1), Task("cup-catch", 3, 2))
SCALES = (1.0, 1e-3)  # of their rewards
SETTINGS = ["trainer=pretrain", "size=tiny", "dynamics=mlp", "trainer.horizon=4", "trainer.batch_size=16"]
SETTINGS += ["trainer.iterations=1", "trainer.model_updates=2", "device=cpu", "threads=1"]


def chunk(episodes: int = 8, steps: int = 20) -> Chunk:
    """Noise, of which task 1 has a thousandth; narrower tasks are padded."""
    chance = torch.Generator().manual_seed(0)
    task = (torch.arange(episodes) % 2).int()[:, None].repeat(1, steps + 1)
    scale = torch.tensor(SCALES)[task.long()]
    obs = torch.randn(episodes, steps + 1, 4, generator=chance) * scale[..., None]
    action = 2 * torch.rand(episodes, steps + 1, 2, generator=chance) - 1
    obs[1::2, :, 3:], action[::2, :, 1:] = 0.0, 0.0
    return Chunk(obs, action, scale * torch.randn(episodes, steps + 1, generator=chance), task)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    convert([write_chunks(folder / "chunks", chunk())], folder / "set", TWO)
    return folder / "set"


def test_each_task_has_its_own_moments_and_errors(data: Path, tmp_path: Path) -> None:
    train(compose([*SETTINGS, f"data.dir={data}", f"run_dir={tmp_path / 'run'}"]))
    model = load(tmp_path / "run").world_model
    learned = chunk()
    for number in (0, 1):
        own = slice(number, 6, 2)  # the last episode of each is held out
        wanted = learned.reward[own, 1:].numpy().std()
        assert float(model.reward_moments.var[number].sqrt()) == pytest.approx(wanted, rel=0.1)
        assert model.observation_moments is not None
        seen = learned.obs[own].numpy().reshape(-1, 4).std(0)
        found = model.observation_moments.var[number].sqrt().numpy()
        np.testing.assert_allclose(found, seen, rtol=0.25, atol=1e-9)
    assert model.observation_moments.var[1, 3] == 0  # padding stays zero
    row = read_metrics(tmp_path / "run")[-1]
    for name in ("latent_error_first", "latent_error_last", "reward_r2_last"):
        both = [row[of_task(name, task.name)] for task in TWO]
        assert None not in both and both[0] != both[1]
    agent, ones = load(tmp_path / "run"), torch.ones(2)
    assert torch.equal(in_task_units(agent, ones, torch.tensor([1, 0])), model.reward_moments.std[[1, 0]].float())


def test_a_stochastic_model_has_the_errors_of_its_samples_too(data: Path, tmp_path: Path) -> None:
    """Which at first are those of noise, where the mean is no change."""
    settings = [*SETTINGS, "dynamics=noise_flow", "trainer.model_updates=1", "recipe.model_lr=0", "recipe.final_lr=0"]
    train(compose([*settings, f"data.dir={data}", f"run_dir={tmp_path / 'run'}"]))
    row = read_metrics(tmp_path / "run")[-1]
    for when in ("first", "last"):
        for name in ("", *(f"/{task.name}" for task in TWO)):
            assert row[f"latent_error_{when}{name}"] == pytest.approx(1, rel=1e-3)
            assert row[f"sample_error_{when}{name}"] > 1.05


def test_data_of_one_task_have_the_columns_that_they_had(data: Path, tmp_path: Path) -> None:
    train(compose([*SETTINGS, f"data.dir={data}", "data.tasks=[cup-catch]", f"run_dir={tmp_path / 'run'}"]))
    assert not [name for name in read_metrics(tmp_path / "run")[-1] if "/" in name]


def test_a_bundle_from_before_has_the_moments_of_all_tasks_together_and_the_same_figures(tmp_path: Path) -> None:
    settings = ["size=tiny", "dynamics=mlp", "recipe.task_moments=false", "model.num_tasks=3"]
    agent = build_agent(compose(settings), 4, 2)
    assert agent.world_model.observation_moments is not None
    agent.world_model.observation_moments.update(3 * torch.randn(100, 4) + 1)
    agent.world_model.reward_moments.update(torch.randn(100))
    agent.save(tmp_path / "older")
    file = tmp_path / "older" / "config.yaml"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(line for line in lines if "task_moments" not in line and "  sha256:" not in line))
    assert OmegaConf.select(OmegaConf.load(file), "recipe.task_moments") is None
    older, obs, task = load(tmp_path / "older"), torch.randn(5, 4), torch.tensor([0, 1, 2, 0, 1])
    assert torch.equal(older.world_model.encode(obs, task), agent.world_model.encode(obs, task))
    assert torch.equal(in_task_units(older, obs[:, 0], task), in_task_units(agent, obs[:, 0], task))


def test_it_learns_from_slices_of_the_recipe_and_is_measured_over_those_of_the_trainer(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cfg = compose([*SETTINGS, f"data.dir={data}", "recipe.model_horizon=2"])
    trainer, _ = build_trainer(cfg, lambda agent: SilentRecorder(lambda: False))
    assert isinstance(trainer, PretrainTrainer)
    sample, asked = SliceSampler.sample, []

    def noting(sampler: SliceSampler, count: int, horizon: int) -> TaskSlices:
        asked.append(horizon)
        return sample(sampler, count, horizon)

    monkeypatch.setattr(SliceSampler, "sample", noting)
    trainer.learn()
    assert {*asked} == {2}
    asked.clear()
    trainer.assess()
    assert {*asked} == {4}

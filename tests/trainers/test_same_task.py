"""A policy out of data is judged on the task that it learns; whatever says otherwise is refused before training."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from chunk_files import write_chunks
from three_tasks import OFFLINE, PRETRAIN, SET, data_set

from wmzoo.config.composition import compose
from wmzoo.data.chunks import Chunk
from wmzoo.data.convert import convert
from wmzoo.envs.task_sets import Task
from wmzoo.errors import WmzooError
from wmzoo.runs.train import train

LEARN_REACHER = ["data.tasks=[reacher-easy]", "env=multitask"]


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Where the data of three tasks and a model of them are."""
    folder = tmp_path_factory.mktemp("given")
    data = data_set(folder)
    train(compose([*PRETRAIN, f"data.dir={data}", f"run_dir={folder / 'model'}"]))
    return [f"data.dir={data}", f"init_from={folder / 'model'}"]


def extract(tmp_path: Path, *overrides: str) -> Path:
    return train(compose([*OFFLINE, *overrides, f"run_dir={tmp_path / 'run'}"]))


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (
            [*LEARN_REACHER, SET, "env.only=[cup-catch]"],
            "it would learn reacher-easy and be evaluated on cup-catch: data.tasks",
        ),
        (
            [*LEARN_REACHER, SET],
            "it would learn reacher-easy and be evaluated on cartpole-swingup, cup-catch, reacher-easy",
        ),
        (
            [*LEARN_REACHER, "env.only=[reacher-easy]", "env.set=[reacher-easy,cartpole-swingup,cup-catch]"],
            r"env.set has other tasks than the data, or in another order: "
            r"env.set=\[cartpole-swingup,reacher-easy,cup-catch\]",
        ),
        (
            [*LEARN_REACHER, "env.only=[reacher-easy]", "env.set=mt30"],
            "env.set has other tasks than the data, or in another order",
        ),
        (
            ["data.tasks=[cup-catch]", "env=cup-catch"],
            r"the model has 3 tasks, and env=cup-catch does not say which of them it is: env=multitask "
            r"env.set=\[cartpole-swingup,reacher-easy,cup-catch\] env.only=\[cup-catch\]",
        ),
    ],
)
def test_data_and_environments_of_different_tasks_are_refused(
    given: list[str], tmp_path: Path, typed: list[str], words: str
) -> None:
    with pytest.raises(WmzooError, match=words):
        extract(tmp_path, *given, *typed)


@pytest.mark.parametrize("told", [["data.tasks=[reacher-easy]"], []])
def test_the_one_task_of_a_set_is_learned_and_judged(given: list[str], tmp_path: Path, told: list[str]) -> None:
    assert extract(tmp_path, *given, *told, "env=multitask", SET, "env.only=[reacher-easy]").is_dir()


def one_task(folder: Path, name: str, obs_dim: int, act_dim: int) -> list[str]:
    """Data and a model of one task of any name."""
    chance = torch.Generator().manual_seed(0)
    obs, reward = torch.randn(6, 21, obs_dim, generator=chance), torch.randn(6, 21, generator=chance)
    action, task = 2 * torch.rand(6, 21, act_dim, generator=chance) - 1, torch.zeros(6, 21, dtype=torch.int32)
    chunks = write_chunks(folder / "chunks", Chunk(obs, action, reward, task))
    convert([chunks], folder / "data", [Task(name, obs_dim, act_dim)])
    train(compose([*PRETRAIN, f"data.dir={folder / 'data'}", f"run_dir={folder / 'model'}"]))
    return [f"data.dir={folder / 'data'}", f"init_from={folder / 'model'}"]


def test_one_task_s_data_are_for_that_task_as_far_as_its_name_is_known(tmp_path: Path) -> None:
    reacher = one_task(tmp_path / "reacher", "reacher-easy", 6, 2)
    with pytest.raises(WmzooError, match="it would learn reacher-easy and be evaluated on reacher-hard"):
        extract(tmp_path, *reacher, "env=dmc", "env.task=reacher-hard")
    elsewhere = one_task(tmp_path / "elsewhere", "arm-expert-v0", 6, 2)
    assert extract(tmp_path, *elsewhere, "env=reacher_easy").is_dir()
    with pytest.raises(WmzooError, match="the data have 6 observations and 2 actions, env=cup-catch has 8 and 2"):
        extract(tmp_path / "wider", *elsewhere, "env=cup-catch")

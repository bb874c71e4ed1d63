"""A model of some tasks of a set goes on with another task of it, which it has never seen."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from three_tasks import OFFLINE, PRETRAIN, SET, chunk, data_set

from wmzoo.agent.load import load
from wmzoo.agent.moments import RunningMoments
from wmzoo.agent.world_model import WorldModel
from wmzoo.config.composition import compose
from wmzoo.runs.metrics import read_metrics
from wmzoo.runs.train import train

OLD, NEW = [0, 1], 2


def moments_of(model: WorldModel) -> list[RunningMoments]:
    assert model.observation_moments is not None
    return [model.observation_moments, model.reward_moments]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A model of two tasks, the same after six episodes of a third, and a policy inside it."""
    folder = tmp_path_factory.mktemp("runs")
    data = f"data.dir={data_set(folder)}"
    first, then, policy = (folder / name for name in ("first", "then", "policy"))
    train(compose([*PRETRAIN, data, "data.tasks=[cartpole-swingup,reacher-easy]", f"run_dir={first}"]))
    more = ["data.tasks=[cup-catch]", f"init_from={first}", f"run_dir={then}"]
    train(compose([*PRETRAIN, data, *more]))
    played = ["env=multitask", SET, "env.only=[cup-catch]", "data.tasks=[cup-catch]"]
    train(compose([*OFFLINE, data, *played, f"init_from={then}", f"run_dir={policy}"]))
    return first, then, policy


def test_the_old_tasks_moments_stay_and_the_new_one_s_begin_with_its_own_data(runs: tuple[Path, Path, Path]) -> None:
    first, then, _ = (load(run).world_model for run in runs)
    learned = chunk()
    own = slice(NEW, 15, 3)  # its last episode is held out
    wanted = [learned.obs[own].double(), learned.reward[own, 1:].double()]
    for before, after, numbers in zip(moments_of(first), moments_of(then), wanted, strict=True):
        assert before.count[NEW] == 0 and after.count[NEW] > 0
        for name in ("count", "mean", "var"):
            assert torch.equal(getattr(before, name)[OLD], getattr(after, name)[OLD])
        var = numbers.flatten(0, 1).var(0, correction=0)  # draws weigh the inner rows of an episode more
        torch.testing.assert_close(after.var[NEW], var, rtol=0.3, atol=0)
        assert (after.var[NEW] > 20 * before.var[NEW]).all()  # 100, where an unseen task's is 1


def test_it_trains_on_from_the_old_weights(runs: tuple[Path, Path, Path]) -> None:
    first, then, policy = runs
    old, new = (load(run).world_model.state_dict() for run in (first, then))
    changes = {name: (new[name] - old[name]).abs().max() for name in old if name.startswith("dynamics.")}
    assert all(0 < change < 0.1 for change in changes.values())  # four updates away from them
    table = "task_embedding.table.weight"
    assert not torch.equal(new[table][NEW], old[table][NEW])
    rows = [row for run in (then, policy) for row in read_metrics(run)]
    assert all(torch.isfinite(torch.tensor(row["dynamics_loss"])) for row in read_metrics(then))
    assert rows[-1]["eval_return"] is not None

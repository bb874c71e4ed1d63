"""Slices drawn from shards, against every whole slice counted out."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from chunk_files import NAN, told_chunk, write_chunks
from scipy.stats import chisquare

from wmzoo.data.convert import convert
from wmzoo.data.sampler import SliceSampler, TaskSlices
from wmzoo.data.shards import Shards
from wmzoo.envs.task_sets import Task
from wmzoo.errors import WmzooError

THREE = (Task("walker-walk", 4, 2), Task("cheetah-run", 3, 1), Task("cup-catch", 4, 1))
TASKS, STEPS = [[0, 1, 0, 2, 1], [1, 0, 0]], [6, 4]  # of two chunks; episodes are numbered through


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Shards:
    folder = tmp_path_factory.mktemp("data")
    chunks = [told_chunk(tasks, steps, first=5 * n) for n, (tasks, steps) in enumerate(zip(TASKS, STEPS, strict=True))]
    chunks[1].reward[1, 2] = NAN  # episode 6
    convert([write_chunks(folder / "src", *chunks)], folder / "dst", THREE)
    return Shards(folder / "dst")


def every(horizon: int, tasks: tuple[int, ...] = (0, 1, 2)) -> set[tuple[int, int, int]]:
    """(task, episode, first step) of each whole slice of the finite episodes."""
    told = [(task, 5 * n + e, steps) for n, steps in enumerate(STEPS) for e, task in enumerate(TASKS[n])]
    return {
        (task, episode, t)
        for task, episode, steps in told
        for t in range(steps - horizon + 1)
        if task in tasks and episode != 6
    }


def told(drawn: TaskSlices) -> list[tuple[int, int, int]]:
    """Which slices were drawn, by what their first observations say."""
    rows = drawn.slices.obs[0]
    return [(int(task), int(row[1]), int(row[2])) for task, row in zip(drawn.task, rows, strict=True)]


def sampler(data: Shards, tasks: list[str] | None = None, seed: int = 0) -> SliceSampler:
    return SliceSampler(data, torch.Generator().manual_seed(seed), tasks)


@pytest.mark.parametrize("horizon", [1, 3, 4, 5, 6])
def test_a_slice_is_consecutive_steps_of_one_episode_of_its_task(data: Shards, horizon: int) -> None:
    drawn = sampler(data).sample(300, horizon)
    (obs, actions, rewards, _), task = drawn
    assert (obs.shape, actions.shape) == ((horizon + 1, 300, 4), (horizon, 300, 2))
    assert rewards.shape == (horizon, 300) and task.dtype == torch.int64
    assert all(tensor.is_contiguous() for tensor in drawn.slices[:3])
    assert (obs[..., 0] == task).all()
    assert (obs[..., 1] == obs[0, :, 1]).all()
    assert (obs[..., 2] == obs[0, :, 2] + torch.arange(horizon + 1.0)[:, None]).all()
    assert (obs[..., 3] == 0).all() and (actions[..., 1] == 0).all()
    after = obs[1:]  # a chunk's row has the action and reward that led to it
    assert torch.equal(actions[..., 0], 10 * after[..., 2] + after[..., 1])
    assert torch.equal(rewards, 1000 * after[..., 1] + after[..., 2])


@pytest.mark.parametrize(("horizon", "tasks"), [(1, (0, 1, 2)), (3, (0, 1, 2)), (5, (0, 1, 2)), (2, (1,)), (4, (0, 2))])
def test_every_whole_slice_is_drawn_as_often_as_any_other(data: Shards, horizon: int, tasks: tuple[int, ...]) -> None:
    whole = every(horizon, tasks)
    counts = Counter(told(sampler(data, [THREE[task].name for task in tasks]).sample(200 * len(whole), horizon)))
    assert set(counts) == whole
    assert chisquare(list(counts.values())).pvalue > 1e-3


def test_a_task_alone_is_as_wide_as_the_whole_set(data: Shards) -> None:
    drawn = sampler(data, ["cheetah-run"]).sample(8, 2)
    assert drawn.slices.obs.shape == (3, 8, 4) and drawn.slices.actions.shape == (2, 8, 2)
    assert (drawn.task == 1).all()


def test_the_same_seed_draws_the_same_and_the_generator_s_state_goes_on(data: Shards) -> None:
    one, other = sampler(data, seed=3), sampler(data, seed=4)
    first = told(one.sample(64, 2))
    assert first == told(sampler(data, seed=3).sample(64, 2)) != told(other.sample(64, 2))
    other.generator.set_state(one.generator.get_state())
    assert told(one.sample(64, 2)) == told(other.sample(64, 2))


def test_what_is_drawn_belongs_to_the_caller(data: Shards) -> None:
    for tensor in sampler(data).sample(4, 2).slices[:3]:
        tensor.zero_()  # memory that is mapped for reading would end the process
    assert told(sampler(data).sample(64, 2)) == told(sampler(data).sample(64, 2))


def test_a_horizon_longer_than_every_episode_and_an_unknown_task_are_refused(data: Shards) -> None:
    with pytest.raises(ValueError, match="no episode of the data has 7 steps"):
        sampler(data).sample(4, 7)
    with pytest.raises(ValueError, match="no episode of the data has 100 steps"):
        sampler(data).sample(4, 100)
    with pytest.raises(WmzooError, match="no task cup-spin; it has walker-walk, cheetah-run, cup-catch"):
        sampler(data, ["cheetah-run", "cup-spin"])


def test_every_task_has_a_sampler_of_its_own_but_one_without_a_slice(data: Shards) -> None:
    whole = SliceSampler(data, torch.Generator())
    alone = whole.by_task(3)
    assert {name: own.shards[0].index.name for name, own in alone.items()} == {name: name for name in alone}
    assert sum(own.slices(3) for own in alone.values()) == whole.slices(3)
    longest = {shard.index.name: int(shard.index.lengths.max()) for shard in data.shards}
    most = max(longest.values())
    assert [*whole.by_task(most)] == [name for name, steps in longest.items() if steps == most]
    assert next(iter(alone.values())).by_task(3) == {}
